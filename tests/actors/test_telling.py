"""A step that nobody wants any more is given up where it would tell its progress, or wait."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from actors import app
from actors.errors import AbandonedError
from actors.integration.data_source import DATA_SOURCE, DataSource, fetch, market_of
from actors.parameters import (
    Discover,
    IntegrateRealData,
    RestartDiscoverySystem,
    ValidateAlgorithms,
)
from actors.telling import LOOKS_EVERY_S, telling, waiting
from actors.workflows import validate_algorithms
from orchestration import Context
from tests.actors.markets import KEYS, MemoryShared
from tests.actors.rq_fleet import Heard, Settable, context_of
from tests.actors.stub_vendors import StubVendors

SMALL = ValidateAlgorithms(
    symbols=("IBM",), strategies=("legacy_v0",), validation_period="1M", optimization_iterations=2
)
REAL = IntegrateRealData(symbols=("AAPL", "GOOG", "IBM"), gradual_rollout=False)
POLYGON = DataSource(source="polygon", symbols=REAL.symbols).as_json()
TRIED = [{"source": name} for name in ("polygon", "yahoo")]
BEFORE: dict[str, Any] = {
    "validating_data_connections": {"connections": TRIED, "used": "polygon", "fallbacks": []},
    "switching_data_sources": {"before": {**POLYGON, "source": "yahoo"}},
}
# They ask nobody and search for nothing, however long they may take; clearing RQ's queue looks
# between its places (test_restart_service.py).
DONE_AT_ONCE = {
    "clear_job_queue",
    "generate_recommendations",
    "report_health",
}
ACTIONS = {name: action for agent in app.agents for name, action in agent.actions.items()}
LONG = {
    step.action: workflow.parameters
    for workflow in app.workflows
    for step in workflow.steps
    if step.timeout > timedelta(minutes=1) and step.action not in DONE_AT_ONCE
}
ASKED = {
    ValidateAlgorithms: SMALL,
    IntegrateRealData: REAL,
    Discover: Discover(),
    RestartDiscoverySystem: RestartDiscoverySystem(),
}


@pytest.fixture(autouse=True)
def vendors(stub: StubVendors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubVendors:
    """The settings name the stub, which may be asked as often as anybody likes."""
    for name, value in {
        "POLYGON_URL": stub.url,
        "POLYGON_API_KEY": KEYS["polygon"],
        "POLYGON_RATE": "999/second",
        "YAHOO_URL": stub.url,
        "YAHOO_RATE": "999/second",
        "ORCHESTRATION_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    return stub


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What earlier steps have found: those of a validation, on the packaged prices of a symbol."""
    found = dict(BEFORE)
    for step in validate_algorithms.steps[:2]:
        answer = ACTIONS[step.action](attempt(SMALL, Heard(), found))
        found[step.name] = [answer] if step.fans_out else answer
    return found


def attempt(asked: BaseModel, heard: Heard, results: dict[str, Any]) -> Context:
    context = context_of("working", heard, parameters=asked, results=results)
    return replace(context, item="legacy_v0", shared=MemoryShared())


@pytest.mark.parametrize("action", LONG)
def test_a_cancelled_step_is_given_up(
    action: str, results: dict[str, Any], stub: StubVendors
) -> None:
    heard = Heard(configured=Settable({DATA_SOURCE: POLYGON}), cancelled=True)
    with pytest.raises(AbandonedError):
        ACTIONS[action](attempt(ASKED[LONG[action]], heard, results))
    assert heard.progress == []
    assert stub.requests == [], "no vendor is asked any longer"


@pytest.mark.parametrize(
    ("action", "last"),
    [("calibrate", "2 of 50 parameter sets"), ("try_data_flow", "AAPL: .* from yahoo")],
)
def test_it_is_given_up_in_its_second_half_too(
    action: str, last: str, results: dict[str, Any], stub: StubVendors
) -> None:
    heard = Heard()

    def report(done: float, line: str) -> None:
        heard.progress.append((done, line))
        heard.cancelled = re.search(last, line) is not None

    with pytest.raises(AbandonedError):
        ACTIONS[action](replace(attempt(REAL, heard, results), report=report))
    assert re.search(last, heard.progress[-1][1])
    assert [done for done, _ in heard.progress] == sorted(done for done, _ in heard.progress)
    assert len(stub.asked("yahoo")) <= 2


def test_no_token_of_a_vendor_is_waited_for_any_longer(
    stub: StubVendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYGON_RATE", "1/minute")
    heard = Heard()
    market = market_of(attempt(REAL, heard, {}))
    fetch(market, DataSource(source="polygon"), ("AAPL",))
    heard.cancelled = True
    with pytest.raises(AbandonedError):
        fetch(market, DataSource(source="polygon"), ("GOOG",))
    assert len(stub.requests) == 1


def test_a_wait_ends_soon_after_the_step_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("actors.telling.sleep", slept.append)
    looks = iter([False, True])
    context = replace(context_of("waiting"), is_cancelled=lambda: next(looks))
    with pytest.raises(AbandonedError):
        waiting(context)(60.0)
    assert slept == [LOOKS_EVERY_S]


def test_what_is_wanted_is_told_as_its_part_of_the_step() -> None:
    heard = Heard()
    telling(context_of("searching", heard), 0.25, 0.75)(0.5, "half way")
    assert heard.progress == [(0.5, "half way")]
    waiting(context_of("searching", heard))(0.0)
