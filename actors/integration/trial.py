"""The fourth step: the whole flow of data on a sample, and the new source against the old one."""

from typing import Any

from actors.discovery.scanning import scan_prices
from actors.integration.calibration import thresholds_of
from actors.integration.connections import chosen_source, integration_of
from actors.integration.data_source import DataSource, fetch, market_of
from actors.integration.switch import SWITCHED
from actors.prices import configured_source
from actors.telling import telling
from orchestration import Context
from orchestration.errors import PermanentError
from trading.comparison import compare
from trading.errors import TradingError
from trading.sources.source import Prices

FETCHING = 0.5


class SourcesDisagreeError(PermanentError):
    """Two sources tell different stories: find out which is wrong before switching."""


def try_data_flow(context: Context) -> dict[str, Any]:
    """Fetch, check and scan the sample, and compare it with the previous source.

    Raises:
        NoSourceError: The new source no longer serves prices.
        SourcesDisagreeError: Its prices are not those of the previous source.
        AbandonedError: The attempt is cancelled.
    """
    asked, source = integration_of(context), chosen_source(context).alone
    fetched = fetch(market_of(context), source, source.served, telling(context, end=FETCHING))
    found = scan_prices(fetched.prices, asked.strategy, thresholds_of(context, asked.strategy))
    before = DataSource.model_validate(context.results[SWITCHED]["before"])
    return {
        "data": fetched.as_json(),
        "scan": found,
        "comparison": compared(context, before, fetched.prices),
    }


def compared(context: Context, before: DataSource, new: Prices) -> dict[str, Any]:
    """Compare new prices with those of the previous source, if that still serves prices.

    Raises:
        SourcesDisagreeError: The two differ on too many days.
    """
    symbols = tuple(bars.symbol for bars in new.bars)
    try:
        old = prices_before(context, before, symbols)
    except TradingError as error:
        return {"with": before.source, "symbols": [], "reason": str(error)}
    known = {bars.symbol: bars for bars in old.bars}
    found = [compare(bars, known[bars.symbol]) for bars in new.bars if bars.symbol in known]
    wrong = [each for each in found if not each.agrees]
    if wrong:
        first = wrong[0]
        raise SourcesDisagreeError(
            f"{first.symbol} differs from {before.source} on {first.differing} of"
            f" {first.common_bars} days: find out which of the two is wrong"
        )
    told = any(each.comparable for each in found)
    return {
        "with": old.provenance.source,
        "symbols": [each.as_json() for each in found],
        "reason": None if told else "too few days that both have",
    }


def prices_before(context: Context, before: DataSource, symbols: tuple[str, ...]) -> Prices:
    """Return the bars of the previous source, and of no other.

    Raises:
        TradingError: It no longer has them.
    """
    if before.is_external:
        tell = telling(context, FETCHING)
        return fetch(market_of(context), before.alone, symbols, tell).prices
    source = configured_source()
    return source.load([each for each in symbols if each in source.available()])
