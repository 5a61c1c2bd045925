"""Prices from the requested source, or else from a fallback: never from two at once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from actors.market.cache import Kept
from actors.market.enquiry import ask
from actors.market.market import Market
from orchestration.text import counted
from trading.bars import Bars
from trading.checks import late_start, require_length, require_usable, warnings_about
from trading.errors import NoSourceError, ParameterError, SourceError, TradingError
from trading.finding import Finding
from trading.price_table import text_of
from trading.progress import OnProgress, unheard
from trading.provenance import Provenance, digest_of
from trading.sources.source import Prices
from trading.symbol import checked_symbols
from trading.vendors.vendor import Asked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The daily bars of some symbols from the first to the last day, both included.

    Fewer than `least` bars of a symbol count as none. `last` should be a day that is over:
    see `trading.sessions.last_closed_day`.
    """

    symbols: tuple[str, ...]
    first: date
    last: date
    least: int = 1


@dataclass(frozen=True, slots=True)
class Fetched:
    """Checked prices of one source, and why it is not the requested one, if it is not.

    `failures` has the error of each source asked before, by name; `fetched_at` is the time of the
    oldest bars, which may have been kept on disk; `findings` are warnings.
    """

    prices: Prices
    requested: str
    failures: Mapping[str, TradingError]
    findings: tuple[Finding, ...]
    fetched_at: datetime

    @property
    def used(self) -> str:
        """The source of every symbol."""
        return self.prices.provenance.source

    @property
    def reason(self) -> str | None:
        """Why another source than the requested one was used; None: it was not."""
        return "; ".join(f"{n}: {told(e)}" for n, e in self.failures.items()) or None

    def as_json(self) -> dict[str, Any]:
        """Return what stands in results."""
        provenance = self.prices.provenance
        return {
            "requested": self.requested,
            "used": self.used,
            "reason": self.reason,
            "adjustment": provenance.adjustment,
            "sha256": provenance.sha256,
            "fetched_at": self.fetched_at.isoformat(),
            "symbols": {
                bars.symbol: {
                    "bars": len(bars),
                    "first_bar": str(bars.dates[0]),
                    "last_bar": str(bars.dates[-1]),
                }
                for bars in self.prices.bars
            },
            "findings": [finding.as_json() for finding in self.findings],
        }


def fetch_bars(
    market: Market,
    wanted: Wanted,
    primary: str,
    fallbacks: Sequence[str] = (),
    on_progress: OnProgress = unheard,
) -> Fetched:
    """Return checked bars of all symbols from the first source that has them all.

    After any error of a source, a missing key included, the next source is asked for every symbol
    anew. The embedded prices are no source here.

    Raises:
        NoSourceError: None of the sources has them all; `reasons` says why, for each.
        ParameterError: A source is unknown, a symbol ill-formed, or the days end before they begin.
    """
    checked_symbols(wanted.symbols)
    if wanted.first > wanted.last:
        raise ParameterError("first", str(wanted.first), f"no later than {wanted.last}")
    names = [market.provider(name).name for name in (primary, *fallbacks)]
    failures: dict[str, TradingError] = {}
    for at, name in enumerate(names):
        try:
            kept = _everything(market, name, wanted, _part(on_progress, at, len(names)))
        except TradingError as error:
            log.warning("%s does not serve: %s", name, told(error))
            failures[name] = error
        else:
            return _fetched(market, wanted, kept, (primary, name), failures)
    raise NoSourceError(wanted.symbols, {name: told(error) for name, error in failures.items()})


def told(error: TradingError) -> str:
    """Return the message of a source's error without the name of the source."""
    return error.problem if isinstance(error, SourceError) else str(error)


def _part(on_progress: OnProgress, at: int, parts: int) -> OnProgress:
    return lambda fraction, line: on_progress((at + fraction) / parts, line)


def _everything(market: Market, name: str, wanted: Wanted, on_progress: OnProgress) -> list[Kept]:
    on_progress(0.0, f"fetching {counted(len(wanted.symbols), 'symbol')} from {name}")
    kept = []
    for symbol in wanted.symbols:
        kept.append(_kept(market, name, Asked(symbol, wanted.first, wanted.last), wanted.least))
        line = f"{symbol}: {counted(len(kept[-1].bars), 'bar')} from {name}"
        on_progress(len(kept) / len(wanted.symbols), line)
    return kept


def _kept(market: Market, name: str, asked: Asked, least: int) -> Kept:
    """Return usable bars from the disk, or else from the provider; only usable bars are kept."""
    vendor, now = market.provider(name).vendor, market.clock.now()
    found = market.cache.get(vendor, asked, now)
    kept = found or Kept(ask(market, name, asked), now)
    require_length(kept.bars, least, f"the stretch from {asked.first} to {asked.last}")
    require_usable(kept.bars)
    if found is None:
        market.cache.put(vendor, asked, kept)
    return kept


def _fetched(
    market: Market,
    wanted: Wanted,
    kept: Sequence[Kept],
    sources: tuple[str, str],
    failures: Mapping[str, TradingError],
) -> Fetched:
    requested, used = sources
    bars = tuple(each.bars for each in kept)
    adjustment = market.provider(used).vendor.adjustment
    files = {f"{each.symbol}.csv": text_of(each).encode() for each in bars}
    return Fetched(
        prices=Prices(bars, Provenance(used, adjustment, digest_of(files))),
        requested=requested,
        failures=failures,
        findings=tuple(finding for each in bars for finding in _findings(each, wanted)),
        fetched_at=min(each.fetched_at for each in kept),
    )


def _findings(bars: Bars, wanted: Wanted) -> list[Finding]:
    first, last = np.datetime64(wanted.first, "D"), np.datetime64(wanted.last, "D")
    return [*late_start(bars, first), *warnings_about(bars, last)]
