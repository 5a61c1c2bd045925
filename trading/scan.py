"""Which symbols a strategy would take after their latest bar."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trading.bars import Bars
from trading.checks import require_length, require_usable, warnings_about
from trading.errors import DataError
from trading.finding import Finding
from trading.panel import Panel
from trading.provenance import Provenance
from trading.sources.source import Prices
from trading.strategies.strategy import Parameters, Strategy
from trading.study import Study
from trading.window import WARM_UP_BARS

RECENT = np.timedelta64(30, "D")


@dataclass(frozen=True, slots=True)
class Scored:
    """One symbol on its latest bar.

    `raw` is the weighted sum of the available components, 0..100, and `score` the same renormalised
    to 0..100; both None where the bars allow none. A candidate passes every gate; `failed` names
    the features that do not. `trade_ready` also reaches the published entry score, and `watched`
    the lower one of the watchlist, where the strategy has one.
    """

    symbol: str
    date: str
    close: float
    raw: float | None
    score: float | None
    failed: tuple[str, ...]
    trade_ready: bool
    watched: bool

    @property
    def candidate(self) -> bool:
        """Whether it passes every gate and has a score."""
        return not self.failed and self.score is not None


@dataclass(frozen=True, slots=True)
class Scan:
    """What a strategy finds: every symbol scored, best first, and those that could not be."""

    strategy: Strategy
    scored: tuple[Scored, ...]
    refused: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    provenance: Provenance

    def as_json(self) -> dict[str, Any]:
        """Return the scan as it stands in results; `reason` says why there are no candidates."""
        candidates = [asdict(each) for each in self.scored if each.candidate]
        return {
            "strategy": self.strategy.name,
            "components_available": list(self.strategy.available),
            "coverage": round(self.strategy.coverage, 9),
            "source": self.provenance.source,
            "sha256": self.provenance.sha256,
            "adjustment": self.provenance.adjustment,
            "as_of": max(each.date for each in self.scored),
            "scanned": len(self.scored),
            "candidates": candidates,
            "reason": None if candidates else self._reason(),
            "others": [asdict(each) for each in self.scored if not each.candidate],
            "refused": [finding.as_json() for finding in self.refused],
            "findings": [finding.as_json() for finding in self.warnings],
        }

    def _reason(self) -> str:
        return (
            f"none of {len(self.scored)} symbols passes every gate of {self.strategy.name}"
            " on its latest bar"
        )


def scan(strategy: Strategy, prices: Prices, parameters: Parameters | None = None) -> Scan:
    """Score every symbol on its latest bar with these parameters, or else the published ones.

    A symbol whose prices break a rule is left out and stands in `refused`.

    Raises:
        DataError: No symbol is left.
    """
    usable, refused = _sift(prices.bars)
    if not usable:
        raise DataError(refused)
    study = Study.of(strategy, Panel.stack(usable))
    last = np.unique(study.panel.end) - 1
    scored = [_score(study, int(row), parameters or strategy.published) for row in last]
    newest = study.panel.calendar[-1]
    recent = [bars.since(bars.dates[-1] - RECENT) for bars in usable]
    return Scan(
        strategy,
        tuple(sorted(scored, key=lambda each: (-(each.score or 0.0), each.symbol))),
        tuple(refused),
        tuple(finding for bars in recent for finding in warnings_about(bars, newest)),
        prices.provenance,
    )


def _sift(universe: Sequence[Bars]) -> tuple[list[Bars], list[Finding]]:
    usable, refused = [], []
    for bars in universe:
        try:
            require_usable(bars)
            require_length(bars, WARM_UP_BARS, "a scan")
        except DataError as error:
            refused.append(error.findings[0])
        else:
            usable.append(bars)
    return usable, refused


def _score(study: Study, row: int, parameters: Parameters) -> Scored:
    strategy, panel = study.strategy, study.panel
    failed = [
        gate.feature
        for gate in strategy.gates
        if not gate.passes(study.features[gate.feature][row], parameters[gate.parameter])
    ]
    score = float(study.score[row])
    known = bool(np.isfinite(score))
    passed = known and not failed
    watched = strategy.watchlist_score
    return Scored(
        symbol=panel.symbols[panel.owner[row]],
        date=panel.dates[panel.day[row]],
        close=float(panel.close[row]),
        raw=float(study.raw[row]) if known else None,
        score=score if known else None,
        failed=tuple(dict.fromkeys(failed)),
        trade_ready=passed and score >= parameters["entry_threshold"],
        watched=passed and watched is not None and score >= watched,
    )
