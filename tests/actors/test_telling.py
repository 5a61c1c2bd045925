"""A computation that nobody wants any more is given up where it would tell its progress."""

from types import SimpleNamespace
from typing import Any

import pytest

from actors.agents import backtesting, discovery_algorithm
from actors.discovery.errors import AbandonedError
from actors.telling import telling
from tests.actors.rq_fleet import Heard, context_of


def test_what_is_wanted_is_told_and_goes_on() -> None:
    telling(context_of("searching"))(0.5, "half way")


@pytest.mark.parametrize(
    ("module", "action", "computes"),
    [
        (discovery_algorithm, "optimize_parameters", "optimise"),
        (backtesting, "run_backtest", "Study"),
    ],
)
def test_a_cancelled_computation_is_given_up(
    module: Any, action: str, computes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*inputs: Any) -> None:
        inputs[-1](0.5, "half way")

    asked: Any = SimpleNamespace(
        test_capital=1e5,
        risk_per_trade=0.02,
        optimization_target="sharpe_ratio",
        optimization_iterations=10,
        seed=0,
        strategies=["momentum"],
    )
    study = SimpleNamespace(of=compute if computes == "Study" else lambda *_: None)
    monkeypatch.setattr(module, "question", lambda _: asked)
    monkeypatch.setattr(module, "checked_dataset", lambda _: SimpleNamespace(panel=0, windows=0))
    monkeypatch.setattr(module, "strategy_named", lambda _: None)
    monkeypatch.setattr(module, "Study", study)
    if computes != "Study":
        monkeypatch.setattr(module, computes, compute)
    with pytest.raises(AbandonedError, match="cancelled"):
        getattr(module, action)(context_of("computing", Heard(cancelled=True)))
