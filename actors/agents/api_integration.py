"""Data from other companies' services."""

from actors.health import Facts, answering
from actors.integration.switch import switch_back, switch_source
from actors.market.provider import configured_providers
from actors.names import API_INTEGRATION
from actors.prices import configured_source
from orchestration import Agent, settings


def look() -> Facts:
    """Tell which vendors have a key, and which prices stand in the package's place."""
    providers = configured_providers(settings.load())
    return {
        "external_sources": [name for name, each in providers.items() if each.configured],
        "embedded_source": configured_source().name,
    }


agent = Agent(
    API_INTEGRATION,
    capabilities=["external_api", "data_fetching", "rate_limiting"],
    actions={
        "switch_source": switch_source,
        "switch_back": switch_back,
        "health_check": answering(API_INTEGRATION, look),
    },
)
