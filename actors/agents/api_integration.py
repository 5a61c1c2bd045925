"""The agent for data from other companies' services."""

from actors.health import Facts, answering
from actors.integration.data_source import current_source, market_of
from actors.integration.switch import switch_back, switch_source
from actors.names import API_INTEGRATION
from actors.prices import configured_source
from orchestration import Agent, Context


def look(context: Context) -> Facts:
    """Report each vendor's circuit, cooldown and budget, which the whole fleet shares."""
    return {
        "embedded_source": configured_source().name,
        "data_source": current_source(context).as_json(),
        "vendors": market_of(context).state(),
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
