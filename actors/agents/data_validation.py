"""The agent that checks whether prices can be relied on."""

from typing import Any

from actors.health import Facts, answering
from actors.integration.connections import try_sources
from actors.names import DATA_VALIDATION
from actors.prices import configured_source, dataset_for, question
from actors.telling import telling
from orchestration import Agent, Context


def prepare_validation_data(context: Context) -> dict[str, Any]:
    """Load and check the prices; say where they come from and which days will be traded.

    Raises:
        TradingError: The prices are not there, or break a rule that stops the work.
        AbandonedError: The attempt is cancelled.
    """
    dataset = dataset_for(question(context), telling(context))
    windows, dates = dataset.windows, dataset.panel.dates
    named = {
        "validation": windows.validation,
        "in_sample": windows.in_sample,
        "out_of_sample": windows.out_of_sample,
    }
    return {
        "data": dataset.as_json(),
        "windows": {
            name: {"first": dates[window.first], "last": dates[window.last]}
            for name, window in named.items()
        },
        "divided": windows.divided,
    }


def look(_context: Context) -> Facts:
    """List the symbols that the configured source has."""
    source = configured_source()
    return {"source": source.name, "symbols": len(source.available())}


agent = Agent(
    DATA_VALIDATION,
    capabilities=["data_validation", "data_quality", "schema_validation"],
    actions={
        "prepare_validation_data": prepare_validation_data,
        "try_sources": try_sources,
        "health_check": answering(DATA_VALIDATION, look),
    },
)
