import json
from dataclasses import replace
from typing import Any

import pytest

from trading.account import Account
from trading.dataset import Dataset, prepare
from trading.errors import ParameterError
from trading.metrics import TARGETS
from trading.optimise import LEAST_TRADES_IN_SAMPLE, Search, draws, optimise, sample
from trading.period import Period
from trading.sources.embedded import EmbeddedSource
from trading.strategies import STRATEGIES
from trading.strategies.hybrid_v1 import hybrid_v1
from trading.strategies.legacy_v0 import legacy_v0
from trading.study import Study

ACCOUNT = Account(100_000, 0.02)


@pytest.fixture(scope="module")
def dataset(embedded: EmbeddedSource) -> Dataset:
    return prepare(embedded, ["AAPL", "GOOG", "IBM", "MSFT"], "SPY", Period.parse("6M"))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_seed_and_data_give_the_same_bytes(dataset: Dataset, name: str) -> None:
    def bytes_of() -> str:
        study = Study.of(STRATEGIES[name], dataset.panel)
        found = optimise(study, dataset.windows, ACCOUNT, Search(iterations=15, seed=7))
        return json.dumps(found.as_json(), sort_keys=True, allow_nan=False)

    assert bytes_of() == bytes_of()


def test_the_draws_of_a_seed_never_change() -> None:
    """Pinned: a change here changes every stored result's parameters."""
    second, third = list(draws(legacy_v0(), Search(iterations=3)))[1:]
    assert [second[key] for key in legacy_v0().choices] == [20.0, 1.0, 0.02, 0.03, 3.0, 20.0]
    assert third != second


def test_seeds_and_strategies_draw_differently() -> None:
    one = list(draws(legacy_v0(), Search(iterations=20)))
    assert one != list(draws(legacy_v0(), Search(iterations=20, seed=1)))
    renamed = replace(legacy_v0(), name="other")
    assert one[1:] != list(draws(renamed, Search(iterations=20)))[1:]


def test_every_draw_is_one_of_the_choices_and_the_first_the_published_one() -> None:
    strategy = hybrid_v1()
    drawn = list(draws(strategy, Search(iterations=200)))
    assert drawn[0] == strategy.published
    assert len(drawn) == 200
    for key, values in strategy.choices.items():
        assert {parameters[key] for parameters in drawn[1:]} == set(values)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_tried_did_better_in_sample(dataset: Dataset, target: str) -> None:
    study = Study.of(legacy_v0(), dataset.panel)
    search = Search(target=target, iterations=25)
    found = optimise(study, dataset.windows, ACCOUNT, search)
    assert found.parameters is not None
    best = found.in_sample.metrics.value(target)
    assert best is not None
    for parameters in draws(study.strategy, search):
        tried = sample(study, parameters, dataset.windows.in_sample, ACCOUNT).metrics
        if tried.trades >= LEAST_TRADES_IN_SAMPLE:
            assert (tried.value(target) or 0.0) <= best


def test_the_held_out_days_take_no_part_in_the_choice(dataset: Dataset) -> None:
    """Whatever the later prices were, the same parameters are chosen."""
    cut = dataset.windows.in_sample.last + 1
    panel = dataset.panel
    after = panel.day >= cut
    shaken = replace(
        panel,
        open=panel.open * (1 + after),
        low=panel.low * (1 + after),
        close=panel.close * (1 + after),
    )
    study = Study.of(legacy_v0(), panel)
    search = Search(iterations=20)
    honest = optimise(study, dataset.windows, ACCOUNT, search)
    blind = optimise(replace(study, panel=shaken), dataset.windows, ACCOUNT, search)
    assert honest.parameters == blind.parameters
    assert honest.in_sample == blind.in_sample
    assert honest.out_of_sample != blind.out_of_sample


def test_too_few_trades_choose_nothing(dataset: Dataset) -> None:
    study = Study.of(hybrid_v1(), dataset.panel)
    found = optimise(study, dataset.windows, ACCOUNT, Search(iterations=1)).as_json()
    assert found["parameters"] is None
    for part in ("in_sample", "out_of_sample"):
        metrics = found[part]
        assert isinstance(metrics, dict)
        assert metrics["sharpe_ratio"] is None
        assert metrics["trade_list"] == []
        assert "none of 1 different parameter sets made 20 trades" in metrics["reason"]


def test_a_sample_without_trades_says_how_near_it_came(dataset: Dataset) -> None:
    study = Study.of(hybrid_v1(), dataset.panel)
    tried = sample(study, study.strategy.published, dataset.windows.validation, ACCOUNT)
    assert tried.metrics.reason == "no trades: gates passed on 0 of 488 bars"


def test_progress_is_told_set_by_set(dataset: Dataset) -> None:
    heard: list[tuple[float, str]] = []
    study = Study.of(hybrid_v1(), dataset.panel)
    search = Search(iterations=2)
    optimise(study, dataset.windows, ACCOUNT, search, lambda *told: heard.append(told))
    assert heard == [
        (0.5, "hybrid_v1: 1 of 2 parameter sets"),
        (1.0, "hybrid_v1: 2 of 2 parameter sets"),
    ]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"target": "luck"}, "target"),
        ({"iterations": 0}, "iterations"),
        ({"iterations": 10_001}, "iterations"),
        ({"seed": -1}, "seed"),
    ],
)
def test_an_impossible_search_is_refused(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(ParameterError) as error:
        Search(**wrong)
    assert error.value.name == name
