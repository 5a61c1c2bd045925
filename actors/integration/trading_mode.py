"""The last step: live trading, only ever after a person has approved it."""

from typing import Any

from actors.integration.calibration import THRESHOLDS, UPDATED, thresholds_of
from actors.integration.connections import chosen_source, integration_of
from actors.integration.data_source import DATA_SOURCE
from orchestration import Context, PermanentError

TRADING_MODE = "trading_mode"
PAPER = "paper"
LIVE = "live"
CHANGED = "was set by somebody else since it was tested: start the integration anew"


def enable_real_trading(context: Context) -> dict[str, Any]:
    """Set the trading mode to live, and let the new source serve every symbol.

    Raises:
        PermanentError: A person or another run has configured prices or thresholds since.
    """
    asked, updated = integration_of(context), context.results[UPDATED]
    require_own(context, DATA_SOURCE)
    if "after" in updated:
        require_own(context, THRESHOLDS[asked.strategy])
    elif dict(thresholds_of(context, asked.strategy)) != updated["new"]:
        raise PermanentError(f"the thresholds of {asked.strategy} {CHANGED}")
    before = context.configuration.get(TRADING_MODE) or PAPER
    source = chosen_source(context).model_copy(update={"rollout": "full"})
    context.configuration.set(TRADING_MODE, LIVE)
    context.configuration.set(DATA_SOURCE, source.as_json())
    return {
        TRADING_MODE: {"before": before, "after": LIVE},
        DATA_SOURCE: source.as_json(),
        "strategy": asked.strategy,
        "thresholds": updated["new"],
        "tested": context.results["testing_data_flow"]["comparison"],
    }


def require_own(context: Context, name: str) -> None:
    """Make sure that a configuration is still as this run has set it.

    Raises:
        PermanentError: A person or another run has set it since.
    """
    if context.configuration.set_by(name) != context.workflow_id:
        raise PermanentError(f"{name} {CHANGED}")
