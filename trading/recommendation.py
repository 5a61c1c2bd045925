"""Whether a strategy may be relied on, and why.

Only days that took no part in the search count. A strategy is approved if on them it made enough
trades, earned more than holding, and kept its drawdown small, and if it was not much better on the
days that it was fitted to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trading.metrics import Metrics
from trading.strategies.strategy import Strategy

LEAST_COVERAGE = 0.5
LEAST_TRADES = 10
LEAST_SHARPE = 0.5
DEEPEST_DRAWDOWN = -0.20
LEAST_PART_OF_IN_SAMPLE = 0.5


class Verdict(StrEnum):
    """The three answers."""

    APPROVED = "APPROVED"
    NEEDS_IMPROVEMENT = "NEEDS_IMPROVEMENT"
    INSUFFICIENT_EVIDENCE = "INSUFFICIENT_EVIDENCE"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures of a strategy; `held` is the benchmark's return on the held-out days."""

    strategy: Strategy
    published: Metrics
    in_sample: Metrics
    out_of_sample: Metrics
    held: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The verdict and every reason for it, the decisive ones first."""

    verdict: Verdict
    reasons: tuple[str, ...]


def recommend(evidence: Evidence) -> Recommendation:
    """Judge one strategy."""
    lacking = _lacking(evidence)
    if lacking:
        return Recommendation(Verdict.INSUFFICIENT_EVIDENCE, (*lacking, *_background(evidence)))
    failed = [text for kept, text in _criteria(evidence) if not kept]
    if failed:
        return Recommendation(Verdict.NEEDS_IMPROVEMENT, (*failed, *_background(evidence)))
    met = [text for _, text in _criteria(evidence)]
    return Recommendation(Verdict.APPROVED, (*met, *_background(evidence)))


def best_of(
    verdicts: Mapping[str, Recommendation], out_of_sample: Mapping[str, Metrics], target: str
) -> str | None:
    """Return the approved strategy with the highest held-out target, None if none is approved."""
    approved = [name for name, each in verdicts.items() if each.verdict is Verdict.APPROVED]
    ranked = sorted(approved, key=lambda name: (-_or_least(out_of_sample[name], target), name))
    return ranked[0] if ranked else None


def _lacking(evidence: Evidence) -> Sequence[str]:
    reasons = []
    coverage = evidence.strategy.coverage
    if coverage < LEAST_COVERAGE:
        reasons.append(
            f"the available components ({', '.join(evidence.strategy.available)}) carry "
            f"{coverage:.0%} of the published weight: what was tested is not the whole strategy"
        )
    if evidence.in_sample.trades == 0:
        reasons.append(f"search: {evidence.in_sample.reason}")
    elif evidence.out_of_sample.trades < LEAST_TRADES:
        reasons.append(
            f"{evidence.out_of_sample.trades} held-out trades, fewer than {LEAST_TRADES}"
        )
    return reasons


def _criteria(evidence: Evidence) -> Sequence[tuple[bool, str]]:
    held_out, fitted = evidence.out_of_sample, evidence.in_sample
    gained = held_out.total_return or 0.0
    sharpe = held_out.sharpe_ratio or 0.0
    depth = held_out.max_drawdown or 0.0
    wanted = LEAST_PART_OF_IN_SAMPLE * (fitted.sharpe_ratio or 0.0)
    return (
        (gained > 0, f"held-out return {gained:.2%}, wanted above 0"),
        (
            gained > evidence.held,
            f"held-out return {gained:.2%}, holding brought {evidence.held:.2%}",
        ),
        (sharpe >= LEAST_SHARPE, f"held-out Sharpe ratio {sharpe:.2f}, wanted {LEAST_SHARPE:g}"),
        (
            sharpe >= wanted,
            f"held-out Sharpe ratio {sharpe:.2f}, wanted half of the fitted one ({wanted:.2f})",
        ),
        (
            depth >= DEEPEST_DRAWDOWN,
            f"held-out drawdown {depth:.2%}, wanted no deeper than {DEEPEST_DRAWDOWN:.0%}",
        ),
    )


def _background(evidence: Evidence) -> Sequence[str]:
    if evidence.published.trades == 0:
        return [f"published parameters: {evidence.published.reason}"]
    gained = evidence.published.total_return or 0.0
    return [f"published parameters: {evidence.published.trades} trades, return {gained:.2%}"]


def _or_least(metrics: Metrics, target: str) -> float:
    value = metrics.value(target)
    return float("-inf") if value is None else value
