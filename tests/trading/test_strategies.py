import numpy as np
import pytest

from tests.trading.price_series import make_bars
from trading.errors import UnknownStrategyError
from trading.panel import Panel
from trading.sources.embedded import EmbeddedSource
from trading.strategies import STRATEGIES, strategy_named
from trading.strategies.hybrid_v1 import hybrid_v1
from trading.strategies.legacy_v0 import legacy_v0
from trading.strategies.strategy import Strategy
from trading.study import Study
from trading.window import Window

HISTORY = ["AAPL", "GOOG", "IBM", "MSFT", "FB"]


@pytest.fixture(scope="module")
def panel(embedded: EmbeddedSource) -> Panel:
    return Panel.stack(embedded.load(HISTORY).bars)


def days_passed(study: Study) -> dict[str, int]:
    passed = study.passes(study.strategy.published)
    counts = np.bincount(study.panel.owner[passed], minlength=len(HISTORY))
    return dict(zip(HISTORY, counts.tolist(), strict=True))


def test_legacy_gates_pass_on_as_many_days_as_the_published_trial(panel: Panel) -> None:
    counts = days_passed(Study.of(legacy_v0(), panel))
    assert counts == {"AAPL": 123, "GOOG": 70, "IBM": 52, "MSFT": 53, "FB": 12}


def test_hybrid_gates_pass_on_three_days_of_apple(panel: Panel) -> None:
    """FB, whose history is short, adds a fourth day."""
    study = Study.of(hybrid_v1(), panel)
    assert days_passed(study) == {"AAPL": 3, "GOOG": 0, "IBM": 0, "MSFT": 0, "FB": 1}
    passed = np.flatnonzero(study.passes(study.strategy.published))
    dates = [panel.dates[panel.day[row]] for row in passed]
    assert dates == ["2001-04-19", "2003-10-16", "2005-01-13", "2012-11-14"]


def test_no_hybrid_day_reaches_the_published_entry(panel: Panel) -> None:
    study = Study.of(hybrid_v1(), panel)
    assert not study.signals(study.strategy.published).any()
    everything = Window(1, len(panel.calendar) - 1)
    line = study.describe(study.strategy.published, everything)
    assert "gates passed on 4 of " in line
    assert line.endswith("best score there 54.0 (raw 24.3), entry from 75")


def test_bars_alone_carry_45_percent_of_hybrid_and_75_of_legacy() -> None:
    assert hybrid_v1().coverage == pytest.approx(0.45)
    assert legacy_v0().coverage == pytest.approx(0.75)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_strategy_is_whole(strategy: Strategy) -> None:
    assert sum(strategy.weights.values()) == pytest.approx(1.0)
    assert set(strategy.available) <= set(strategy.weights)
    assert set(strategy.choices) <= set(strategy.published)
    assert {gate.parameter for gate in strategy.gates} <= set(strategy.published)
    reading = strategy.read(make_bars(np.linspace(10, 20, 100).tolist()))
    assert set(reading.components) == set(strategy.available)
    assert {gate.feature for gate in strategy.gates} <= set(reading.features)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_components_lie_between_0_and_1_and_scores_between_0_and_100(
    strategy: Strategy, panel: Panel
) -> None:
    for bars in panel.series:
        for values in strategy.read(bars).components.values():
            known = values[np.isfinite(values)]
            assert ((known >= 0) & (known <= 1)).all()
    study = Study.of(strategy, panel)
    known = np.isfinite(study.score)
    assert ((study.score[known] >= 0) & (study.score[known] <= 100)).all()
    np.testing.assert_allclose(study.raw[known] / strategy.coverage, study.score[known], atol=1e-8)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_the_weights_of_a_strategy_add_up_to_one(strategy: Strategy) -> None:
    assert sum(strategy.weights.values()) == pytest.approx(1.0)


def test_a_strategy_is_found_by_name() -> None:
    assert strategy_named("legacy_v0").name == "legacy_v0"


def test_an_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(UnknownStrategyError, match="one of hybrid_v1, legacy_v0"):
        strategy_named("martingale")


def test_the_score_of_one_day_by_hand(panel: Panel) -> None:
    """AAPL on 2001-04-19: above its VWAP, EMA 9 above EMA 20, RSI in the band."""
    study = Study.of(hybrid_v1(), panel)
    row = int(np.flatnonzero(study.passes(study.strategy.published))[0])
    relvol, atr = study.features["relvol30"][row], study.features["atr_fraction"][row]
    assert relvol == pytest.approx(3.849635, abs=1e-6)
    momentum = 0.45 * (relvol - 2.5) / 5.5 + 0.20 * 0 + 0.20 + 0.15 * (atr - 0.04) / 0.06
    assert study.raw[row] == pytest.approx(100 * (0.35 * momentum + 0.10 * (0.6 + 0.4)))


def test_progress_is_told_symbol_by_symbol(panel: Panel) -> None:
    heard: list[tuple[float, str]] = []
    Study.of(hybrid_v1(), panel, lambda fraction, message: heard.append((fraction, message)))
    assert [fraction for fraction, _ in heard] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert heard[0][1] == "hybrid_v1 read AAPL"
