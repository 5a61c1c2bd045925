"""The five steps of a validation, one after the other, without any engine."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from actors.agents import (
    api_integration,
    backtesting,
    caching_performance,
    data_validation,
    discovery_algorithm,
    management,
    monitoring_alerting,
)
from actors.names import ALL_AGENT_NAMES
from actors.parameters import HealthCheck, StatusReport, ValidateAlgorithms
from actors.workflows import health_check, status_report, validate_algorithms
from orchestration import Workflow
from tests.actors.markets import MemoryShared
from trading.dataset import prepare
from trading.errors import DataError, ProvenanceError, SourceError
from trading.metrics import METRIC_NAMES
from trading.period import Period
from trading.sources.embedded import EmbeddedSource

MODULES: tuple[ModuleType, ...] = (
    management,
    discovery_algorithm,
    data_validation,
    api_integration,
    backtesting,
    caching_performance,
    monitoring_alerting,
)
AGENTS = {module.agent.name: module.agent for module in MODULES}
QUICK = ValidateAlgorithms(optimization_iterations=10)


@dataclass
class Given:
    """What an action sees of its context."""

    parameters: BaseModel
    results: dict[str, Any] = field(default_factory=dict)
    item: Any = None
    fleet: Any = None
    configuration: dict[str, Any] = field(default_factory=dict)
    shared: MemoryShared = field(default_factory=MemoryShared)
    heard: list[float] = field(default_factory=list)
    cancelled: bool = False

    def progress(self, fraction: float, message: str = "") -> None:
        assert message
        self.heard.append(fraction)


class SmallFleet:
    def status(self) -> dict[str, Any]:
        return {"agents": 7}


def run(workflow: Workflow, parameters: BaseModel) -> dict[str, Any]:
    """Run the steps in order; every result goes through JSON, as in the store."""
    results: dict[str, Any] = {}
    for step in workflow.steps:
        branches = list(getattr(parameters, "strategies", ())) if step.for_each else step.agents
        answers = []
        for at, item in enumerate(branches):
            given = Given(parameters, results, item, SmallFleet())
            name = step.agents[at] if len(step.agents) > 1 else step.agents[0]
            answers.append(AGENTS[name].actions[step.action](given))
            assert given.heard == sorted(given.heard)
        answer = answers if step.fans_out else answers[0]
        results[step.name] = json.loads(json.dumps(answer, allow_nan=False))
    return results


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return run(validate_algorithms, QUICK)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of files with the prices of two embedded symbols."""
    for bars in EmbeddedSource().load(["IBM", "MSFT"]).bars:
        columns = (bars.dates, bars.open, bars.high, bars.low, bars.close, bars.volume)
        rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
        text = "\n".join(["Date,Open,High,Low,Close,Volume", *rows])
        (tmp_path / f"{bars.symbol}.csv").write_text(text)
    monkeypatch.setenv("MARKET_DATA_DIR", str(tmp_path))
    return tmp_path


def test_the_result_has_the_shape_of_the_contract(results: dict[str, Any]) -> None:
    result = results["generating_recommendations"]
    assert set(result) == {"data", "benchmark", "strategies", "recommended_strategy", "seed"}
    assert set(result["benchmark"]) == {"requested", "used", "reason", "total_return"}
    assert set(result["data"]) == {
        "source",
        "sha256",
        "symbols",
        "first_bar",
        "last_bar",
        "bars",
        "adjustment",
        "findings",
    }
    assert list(result["strategies"]) == ["hybrid_v1", "legacy_v0"]
    for strategy in result["strategies"].values():
        assert set(strategy) == {
            "recommendation",
            "reasons",
            "components_available",
            "published",
            "optimised",
        }
        assert set(strategy["optimised"]) == {"parameters", "in_sample", "out_of_sample"}
        halves = (strategy["optimised"]["in_sample"], strategy["optimised"]["out_of_sample"])
        for metrics in (strategy["published"], *halves):
            assert set(metrics) == {*METRIC_NAMES, "trade_list", "equity_curve"}
            assert metrics["trades"] == len(metrics["trade_list"])


def test_no_trades_of_hybrid_are_told_as_such(results: dict[str, Any]) -> None:
    published = results["generating_recommendations"]["strategies"]["hybrid_v1"]["published"]
    assert published["trades"] == 0
    assert published["reason"] == "no trades: gates passed on 0 of 488 bars"
    for name in METRIC_NAMES[:-1]:
        assert not published[name]


def test_the_days_of_each_part_are_told(results: dict[str, Any]) -> None:
    assert results["preparing_validation_data"]["windows"] == {
        "validation": {"first": "2012-09-04", "last": "2013-03-01"},
        "in_sample": {"first": "2010-09-28", "last": "2012-08-31"},
        "out_of_sample": {"first": "2012-09-04", "last": "2013-03-01"},
    }


def test_the_same_parameters_give_the_same_bytes(results: dict[str, Any]) -> None:
    again = run(validate_algorithms, QUICK)
    assert json.dumps(again, sort_keys=True) == json.dumps(results, sort_keys=True)


def test_a_divided_period_is_a_reason(directory: Path) -> None:
    for file in directory.iterdir():
        head, *rows = file.read_text().splitlines()
        file.write_text("\n".join([head, *rows[-210:]]))
    asked = ValidateAlgorithms(symbols=("IBM", "MSFT"), optimization_iterations=3)
    result = run(validate_algorithms, asked)["generating_recommendations"]
    for strategy in result["strategies"].values():
        assert "its last third judged" in strategy["reasons"][-1]


def test_a_directory_of_prices_takes_the_place_of_the_embedded_ones(directory: Path) -> None:
    asked = ValidateAlgorithms(
        symbols=("IBM",), benchmark="MSFT", strategies=("legacy_v0",), optimization_iterations=2
    )
    result = run(validate_algorithms, asked)["generating_recommendations"]
    assert result["data"]["source"] == "local"
    assert result["benchmark"]["used"] == "MSFT"
    assert str(directory) not in json.dumps(result)


def test_a_later_step_refuses_other_prices_than_were_checked(directory: Path) -> None:
    asked = ValidateAlgorithms(symbols=("IBM", "MSFT"))
    checked = data_validation.prepare_validation_data(Given(asked))  # type: ignore[arg-type]
    file = directory / "IBM.csv"
    file.write_text(file.read_text().replace("2013-03-01,", "2013-03-04,"))
    given = Given(asked, {"preparing_validation_data": checked}, "legacy_v0")
    with pytest.raises(ProvenanceError, match="start a new run"):
        backtesting.run_backtest(given)  # type: ignore[arg-type]


def test_broken_prices_stop_the_first_step(directory: Path) -> None:
    file = directory / "IBM.csv"
    file.write_text(file.read_text() + "\n2013-03-04,1,1,1,many,1\n")
    asked = ValidateAlgorithms(symbols=("IBM",))
    with pytest.raises(DataError, match=r"IBM 2013-03-04: line 3272 has the close 'many'"):
        data_validation.prepare_validation_data(Given(asked))  # type: ignore[arg-type]


def test_every_agent_answers_for_its_health() -> None:
    for detailed in (False, True):
        report = run(health_check, HealthCheck(detailed=detailed))["reporting"]
        assert (report["status"], report["asked"], report["healthy"]) == ("healthy", 7, 7)
        assert list(report["agents"]) == list(ALL_AGENT_NAMES)
        for name, answer in report["agents"].items():
            assert answer["agent"] == name
            assert answer["facts"]
            assert answer["metrics"]["memory_mib"] > 0
            assert ("pid" in answer["metrics"]) is detailed


FIRST = [ALL_AGENT_NAMES[0]]


def test_an_agent_that_failed_is_unhealthy() -> None:
    broken = {"error": {"type": "SourceError", "message": "gone"}}
    answers = [broken, *({"status": "healthy"} for _ in ALL_AGENT_NAMES[1:])]
    given = Given(HealthCheck(), {"asking_agents": answers})
    report = monitoring_alerting.report_health(given)  # type: ignore[arg-type]
    assert (report["status"], report["unhealthy"]) == ("degraded", [ALL_AGENT_NAMES[0]])
    assert report["agents"][ALL_AGENT_NAMES[0]] == broken


@pytest.mark.parametrize(
    ("answer", "unhealthy"),
    [
        (None, []),
        ("fine", []),
        ({}, []),
        ({"status": "ok", "error": None}, []),
        ({"health_status": "healthy"}, []),
        ({"health_status": "tired"}, FIRST),
        ({"status": "degraded"}, FIRST),
        ({"status": "healthy", "error": "no disk"}, FIRST),
    ],
)
def test_an_agent_outside_may_answer_in_its_own_words(answer: Any, unhealthy: list[str]) -> None:
    answers = [answer, *({"status": "healthy"} for _ in ALL_AGENT_NAMES[1:])]
    given = Given(HealthCheck(), {"asking_agents": answers})
    report = monitoring_alerting.report_health(given)  # type: ignore[arg-type]
    assert report["unhealthy"] == unhealthy


def test_a_directory_that_is_gone_is_ill_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKET_DATA_DIR", str(tmp_path / "gone"))
    with pytest.raises(
        SourceError, match=r"local cannot be read: MARKET_DATA_DIR is .*gone, which is no"
    ):
        data_validation.look(Given(HealthCheck(), {}))  # type: ignore[arg-type]


def test_the_disk_is_that_of_the_fleets_home_which_need_not_be_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Path] = []

    def measure(path: Path) -> Any:
        measured.append(path)
        return disk_usage(path)

    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr("actors.agents.management.disk_usage", measure)
    facts = management.look(Given(HealthCheck()))  # type: ignore[arg-type]
    assert measured == [tmp_path]
    assert 0 < facts["disk_used"] <= 1


def test_the_status_is_the_fleets() -> None:
    assert run(status_report, StatusReport())["reporting"] == {"agents": 7}


def test_an_agents_dependencies_are_agents() -> None:
    assert set(AGENTS) == set(ALL_AGENT_NAMES)
    for agent in AGENTS.values():
        assert set(agent.depends_on) <= set(ALL_AGENT_NAMES)
        assert agent.capabilities


def test_the_agents_compute_what_trading_does(results: dict[str, Any]) -> None:
    period = Period.parse(QUICK.validation_period)
    dataset = prepare(EmbeddedSource(), QUICK.symbols, QUICK.benchmark, period)
    assert results["preparing_validation_data"]["data"] == dataset.as_json()
