"""The last step: live trading, only ever after a person has approved it."""

from typing import Any

from actors.integration.connections import chosen_source, integration_of
from actors.integration.data_source import DATA_SOURCE
from orchestration import Context

TRADING_MODE = "trading_mode"
PAPER = "paper"
LIVE = "live"


def enable_real_trading(context: Context) -> dict[str, Any]:
    """Set the trading mode to live, and let the new source serve every symbol."""
    asked = integration_of(context)
    before = context.configuration.get(TRADING_MODE) or PAPER
    source = chosen_source(context).model_copy(update={"rollout": "full"})
    context.configuration.set(TRADING_MODE, LIVE)
    context.configuration.set(DATA_SOURCE, source.as_json())
    return {
        TRADING_MODE: {"before": before, "after": LIVE},
        DATA_SOURCE: source.as_json(),
        "strategy": asked.strategy,
        "thresholds": context.results["updating_algorithms"]["new"],
        "tested": context.results["testing_data_flow"]["comparison"],
    }
