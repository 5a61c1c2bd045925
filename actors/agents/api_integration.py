"""Data from other companies' services."""

from actors.health import Facts, answering
from actors.names import API_INTEGRATION
from actors.prices import configured_source
from orchestration import Agent


def look() -> Facts:
    """Name the source in use; no external one can be connected yet."""
    return {"external_sources": [], "source_in_use": configured_source().name}


agent = Agent(
    API_INTEGRATION,
    capabilities=["external_api", "data_fetching", "rate_limiting"],
    actions={"health_check": answering(API_INTEGRATION, look)},
)
