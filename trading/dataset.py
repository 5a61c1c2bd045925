"""Checked prices for one question, with their origin and the warnings about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.arrays import Floats
from trading.bars import Bars
from trading.checks import require_length, require_usable, warnings_about
from trading.finding import Finding, Severity
from trading.panel import Panel
from trading.period import Period
from trading.progress import OnProgress, unheard
from trading.provenance import Provenance
from trading.sessions import sessions
from trading.sources.source import Source
from trading.symbol import checked_symbol, checked_symbols
from trading.window import IN_SAMPLE_PERIODS, WARM_UP_BARS, Window, Windows, divide

LEAST_WARM_UP_BARS = 31


@dataclass(frozen=True, slots=True)
class Dataset:
    """The panel of the asked symbols, cut to the days that matter, and the benchmark's closes.

    `benchmark` has one close a day of the panel's calendar, or is None where the source has no
    such symbol. `findings` are warnings: errors have stopped the work before.
    """

    panel: Panel
    windows: Windows
    provenance: Provenance
    findings: tuple[Finding, ...]
    benchmark_symbol: str
    benchmark: Floats | None

    def as_json(self) -> dict[str, object]:
        """Return the part `data` of a validation's result; `bars` counts those of all symbols."""
        return {
            "source": self.provenance.source,
            "sha256": self.provenance.sha256,
            "symbols": list(self.panel.symbols),
            "first_bar": self.panel.dates[0],
            "last_bar": self.panel.dates[-1],
            "bars": len(self.panel.day),
            "adjustment": self.provenance.adjustment,
            "findings": [finding.as_json() for finding in self.findings],
        }


def prepare(
    source: Source,
    symbols: Sequence[str],
    benchmark: str,
    period: Period,
    on_progress: OnProgress = unheard,
) -> Dataset:
    """Load and check the prices for a validation over the period.

    The period ends with the last bar of the symbols. The data also keep four times its length
    before it, to search parameters on, and the bars on which indicators warm up.

    Raises:
        ParameterError: There is no symbol, or one twice, or an ill-formed one.
        UnknownSymbolError: The source lacks a symbol (lacking the benchmark is no error).
        SourceError: The source cannot be read.
        DataError: The prices break a rule that stops the work.
    """
    wanted = checked_symbols(symbols)
    has_benchmark = checked_symbol(benchmark) in source.available()
    asked = dict.fromkeys([*wanted, benchmark] if has_benchmark else wanted)
    prices = source.load(list(asked))
    for at, bars in enumerate(prices.bars):
        require_length(bars, 1, "every calculation")
        require_usable(bars)
        on_progress((at + 1) / (len(asked) + 1), f"{bars.symbol}: {len(bars)} bars checked")
    loaded = dict(zip(asked, prices.bars, strict=True))
    universe, findings = _cut([loaded[symbol] for symbol in wanted], period)
    panel = Panel.stack(universe)
    start = period.before(panel.calendar[-1])
    first = int(np.searchsorted(panel.calendar, start, side="right"))
    return Dataset(
        panel=panel,
        windows=divide(Window(first, len(panel.calendar) - 1)),
        provenance=prices.provenance,
        findings=tuple(findings),
        benchmark_symbol=benchmark,
        benchmark=_closes(loaded[benchmark], panel) if has_benchmark else None,
    )


def _cut(universe: Sequence[Bars], period: Period) -> tuple[list[Bars], list[Finding]]:
    """Keep the days that matter; look at the kept bars only."""
    last = max(bars.dates[-1] for bars in universe)
    start = period.before(last)
    due = len(sessions(start + np.timedelta64(1, "D"), last))
    for bars in universe:
        _require_covered(bars, start, due, period)
    days = np.unique(np.concatenate([bars.dates for bars in universe]))
    before = int(np.searchsorted(days, start, side="right"))
    first = days[max(before - IN_SAMPLE_PERIODS * due - WARM_UP_BARS, 0)]
    kept = [bars.since(first) for bars in universe]
    findings = [finding for bars in kept for finding in warnings_about(bars, last)]
    short = [_short_warm_up(bars, start) for bars in kept]
    return kept, [*findings, *(finding for finding in short if finding is not None)]


def _require_covered(bars: Bars, start: np.datetime64, due: int, period: Period) -> None:
    """Make sure that there are bars within the period and enough before it.

    The first test is for its message: it says how many bars would do.
    """
    name = bars.symbol
    require_length(bars, due + LEAST_WARM_UP_BARS, f"the period {period.text} with its warm-up")
    earlier = bars.rows(bars.dates <= start, name)
    require_length(earlier, LEAST_WARM_UP_BARS, f"the warm-up before {start}")
    require_length(bars.after(start), 1, f"the period {period.text} after {start}")


def _short_warm_up(bars: Bars, start: np.datetime64) -> Finding | None:
    earlier = len(bars) - len(bars.after(start))
    if earlier >= WARM_UP_BARS:
        return None
    message = f"{earlier} bars before the period: some indicators begin only within it"
    date = str(bars.dates[0])
    return Finding(bars.symbol, date, "short_warm_up", Severity.WARNING, message)


def _closes(bars: Bars, panel: Panel) -> Floats:
    at = np.searchsorted(bars.dates, panel.calendar, side="right") - 1
    return np.where(at >= 0, bars.close[np.maximum(at, 0)], np.nan)
