"""The strategies that can be validated, one file each."""

from collections.abc import Mapping

from trading.errors import UnknownStrategyError
from trading.strategies.hybrid_v1 import hybrid_v1
from trading.strategies.legacy_v0 import legacy_v0
from trading.strategies.strategy import Strategy

STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy for strategy in (hybrid_v1(), legacy_v0())
}


def strategy_named(name: str) -> Strategy:
    """Return the strategy of this name.

    Raises:
        UnknownStrategyError: There is none.
    """
    if name not in STRATEGIES:
        raise UnknownStrategyError(name, STRATEGIES)
    return STRATEGIES[name]
