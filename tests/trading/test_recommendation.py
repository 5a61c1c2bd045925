from dataclasses import replace
from typing import Any

import pytest

from trading.metrics import Metrics, undefined
from trading.recommendation import Evidence, Recommendation, Verdict, best_of, recommend
from trading.strategies.hybrid_v1 import hybrid_v1
from trading.strategies.legacy_v0 import legacy_v0

GOOD = Metrics(0.10, 1.2, -0.05, "2012-01-03", "2012-02-01", 0.6, 1.8, 25, 0.4, None)
SOUND = Evidence(legacy_v0(), GOOD, GOOD, GOOD, held=0.02)


def test_sound_evidence_is_approved_with_its_reasons() -> None:
    found = recommend(SOUND)
    assert found.verdict is Verdict.APPROVED
    assert found.reasons[0] == "held-out return 10.00%, wanted above 0"
    assert found.reasons[-1] == "published parameters: 25 trades, return 10.00%"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"total_return": -0.01}, "held-out return -1.00%, wanted above 0"),
        ({"total_return": 0.01}, "held-out return 1.00%, holding brought 2.00%"),
        ({"sharpe_ratio": 0.4}, "held-out Sharpe ratio 0.40, wanted 0.5"),
        ({"sharpe_ratio": 0.55}, "wanted half of the fitted one (0.60)"),
        ({"max_drawdown": -0.3}, "held-out drawdown -30.00%, wanted no deeper than -20%"),
    ],
)
def test_a_weakness_on_held_out_days_needs_improvement(
    changed: dict[str, Any], reason: str
) -> None:
    found = recommend(replace(SOUND, out_of_sample=replace(GOOD, **changed)))
    assert found.verdict is Verdict.NEEDS_IMPROVEMENT
    assert any(reason in each for each in found.reasons)


def test_few_held_out_trades_are_insufficient() -> None:
    found = recommend(replace(SOUND, out_of_sample=replace(GOOD, trades=4)))
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert found.reasons[0] == "4 held-out trades, fewer than 10"


def test_a_search_that_chose_nothing_is_insufficient() -> None:
    nothing = undefined("none of 100 sets")
    found = recommend(replace(SOUND, in_sample=nothing, out_of_sample=nothing, published=nothing))
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert found.reasons == ("search: none of 100 sets", "published parameters: none of 100 sets")


def test_a_strategy_of_which_the_greater_part_could_not_be_tested_is_insufficient() -> None:
    found = recommend(replace(SOUND, strategy=hybrid_v1()))
    assert found.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert "carry 45% of the published weight" in found.reasons[0]


def test_the_best_approved_strategy_is_recommended() -> None:
    yes = Recommendation(Verdict.APPROVED, ())
    no = Recommendation(Verdict.NEEDS_IMPROVEMENT, ())
    metrics = {
        "a": GOOD,
        "b": replace(GOOD, sharpe_ratio=1.5),
        "c": replace(GOOD, sharpe_ratio=9.0),
        "d": replace(GOOD, sharpe_ratio=None),
    }
    verdicts = {"a": yes, "b": yes, "c": no, "d": yes}
    assert best_of(verdicts, metrics, "sharpe_ratio") == "b"
    assert best_of({"d": yes}, metrics, "sharpe_ratio") == "d"
    assert best_of({"c": no}, metrics, "sharpe_ratio") is None
