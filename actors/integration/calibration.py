"""The third step: a strategy's thresholds, learned from the new source's own prices."""

from typing import Any

from actors.integration.connections import chosen_source, integration_of
from actors.integration.data_source import fetch, market_of
from actors.integration.switch import restore
from actors.telling import telling
from orchestration import Context
from trading.account import Account
from trading.dataset import prepare
from trading.errors import DataError
from trading.optimise import Search, optimise
from trading.period import Period
from trading.sources.loaded import LoadedSource
from trading.sources.source import Prices
from trading.strategies import STRATEGIES, strategy_named
from trading.strategies.strategy import Parameters, Strategy
from trading.study import Study

THRESHOLDS = {name: f"thresholds_{name}" for name in STRATEGIES}
UPDATED = "updating_algorithms"
PERIOD = Period.parse("3M")
STAKE = Account(capital=100_000.0, risk_per_trade=0.02)
SEARCH = Search(iterations=50)
FETCHING = 0.3


def thresholds_of(context: Context, strategy: str) -> Parameters:
    """Return the parameters that a strategy uses: the configured ones, or else the published."""
    configured: Parameters = context.configuration.get(THRESHOLDS[strategy]) or {}
    return {**strategy_named(strategy).published, **configured}


def calibrate(context: Context) -> dict[str, Any]:
    """Search thresholds on the new source's bars, and configure the best ones.

    With too little evidence the thresholds stay as they are, and the result says so.

    Raises:
        NoSourceError: The new source no longer serves prices.
        AbandonedError: The attempt is cancelled.
    """
    asked = integration_of(context)
    strategy = strategy_named(asked.strategy)
    old = dict(thresholds_of(context, strategy.name))
    kept = {"strategy": strategy.name, "old": old, "new": old, "changed": False}
    if not asked.calibrate_thresholds:
        return {**kept, "reason": "calibrate_thresholds is false"}
    source = chosen_source(context).alone
    fetched = fetch(market_of(context), source, asked.symbols, telling(context, end=FETCHING))
    found, reason = learned(context, strategy, fetched.prices)
    data = {"data": fetched.as_json()}
    if found is None:
        return {**kept, "reason": reason, **data}
    return {**kept, **configure(context, strategy.name, found), "reason": reason, **data}


def configure(context: Context, strategy: str, found: Parameters) -> dict[str, Any]:
    """Stage new thresholds of a strategy."""
    name = THRESHOLDS[strategy]
    before, after = context.configuration.get(name), dict(found)
    context.configuration.set(name, after)
    return {"new": after, "changed": after != before, "before": before, "after": after}


def learned(
    context: Context, strategy: Strategy, prices: Prices
) -> tuple[Parameters | None, str | None]:
    """Return the best thresholds on earlier days that also trade on later ones, or why not."""
    source = LoadedSource(prices)
    try:
        dataset = prepare(source, source.available(), "SPY", PERIOD)
    except DataError as error:
        return None, str(error)
    study = Study.of(strategy, dataset.panel)
    best = optimise(study, dataset.windows, STAKE, SEARCH, telling(context, FETCHING))
    if best.parameters is None:
        return None, best.in_sample.metrics.reason
    return best.parameters, None


def restore_thresholds(context: Context) -> dict[str, Any]:
    """Configure the previous thresholds, unless a person or another run has set them since."""
    updated = context.results[UPDATED]
    changed = updated if updated and "after" in updated else None
    return restore(context, THRESHOLDS[integration_of(context).strategy], changed)
