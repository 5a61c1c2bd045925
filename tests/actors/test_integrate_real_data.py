"""integrate_real_data: sources tried, switched, calibrated, tested; a person enables live trading.

The vendors are a server on this machine that speaks their shapes, and fails as it is told.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actors import app
from orchestration.clock import run_hex
from orchestration.engine.by import By
from orchestration.engine.fork import Edits, Proposal, propose
from orchestration.handles import StoreHandle
from orchestration.state import RunStatus
from orchestration.store import configuration
from orchestration.store.configuration import Author
from orchestration.testbed import Fleet
from tests.actors.markets import KEYS
from tests.actors.stub_vendors import Reply, StubVendors, flat, lively

COMMAND = "integrate_real_data"
LAST = "enabling_real_trading"
R = RunStatus


@pytest.fixture
def fleet(stub: StubVendors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """The real fleet in memory, whose vendors are the stub."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "POLYGON_URL": stub.url,
        "POLYGON_API_KEY": KEYS["polygon"],
        "POLYGON_RATE": "999/second",
        "YAHOO_URL": stub.url,
        "YAHOO_RATE": "999/second",
        "ALPHA_VANTAGE_URL": stub.url,
        "ALPHA_VANTAGE_API_KEY": KEYS["alpha_vantage"],
        "ALPHA_VANTAGE_RATE": "999/second",
        "ORCHESTRATION_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    found = Fleet(app)
    yield found
    found.close()


def history(fleet: Fleet, name: str) -> list[tuple[int, Any, str | None]]:
    """Every version of a configuration, oldest first."""
    found = fleet.engine.store.read(lambda s: configuration.history(s, name, 100))
    return [(each.version, each.value, each.step) for each in reversed(found)]


def current(fleet: Fleet, name: str) -> Any:
    versions = history(fleet, name)
    return versions[-1][1] if versions else None


def test_everything_is_prepared_and_waits_for_a_person(fleet: Fleet, stub: StubVendors) -> None:
    run = fleet.start(COMMAND)
    assert run.phase() is R.WAITING
    assert stub.asked("yahoo") != []
    assert current(fleet, "data_source") == {
        "source": "polygon",
        "fallbacks": ["yahoo"],
        "symbols": ["AAPL", "GOOG", "IBM", "MSFT"],
        "rollout": "sample",
    }
    assert current(fleet, "trading_mode") is None
    assert fleet.approve(run.workflow_id, LAST) is R.COMPLETED
    assert current(fleet, "trading_mode") == "live"
    assert current(fleet, "data_source")["rollout"] == "full"
    result = run.result()
    assert result["trading_mode"] == {"before": "paper", "after": "live"}
    assert result["strategy"] == "hybrid_v1"


def test_thresholds_are_learned_from_the_new_source_and_restored_without_an_approval(
    fleet: Fleet, stub: StubVendors
) -> None:
    stub.bar = lively
    fleet.advance(timedelta(days=330))  # to where those bars are best read otherwise than published
    run = fleet.start(COMMAND, {"strategy": "legacy_v0"})
    updated = result_of(fleet, run.workflow_id, "updating_algorithms")
    assert updated["data"]["used"] == "polygon"
    assert updated["changed"]
    assert updated["new"] != updated["old"]
    assert current(fleet, "thresholds_legacy_v0") == updated["new"]
    fleet.reject(run.workflow_id, LAST)
    assert current(fleet, "thresholds_legacy_v0") is None
    assert [version for version, _, _ in history(fleet, "thresholds_legacy_v0")] == [1, 2]


def test_too_little_evidence_leaves_the_thresholds_and_says_so(
    fleet: Fleet, stub: StubVendors
) -> None:
    stub.bar = flat
    run = fleet.start(COMMAND)
    updated = result_of(fleet, run.workflow_id, "updating_algorithms")
    assert not updated["changed"]
    assert "made 20 trades in sample" in updated["reason"]
    assert history(fleet, "thresholds_hybrid_v1") == []


def test_without_calibration_nothing_is_learned(fleet: Fleet) -> None:
    run = fleet.start(COMMAND, {"calibrate_thresholds": False, "gradual_rollout": False})
    updated = result_of(fleet, run.workflow_id, "updating_algorithms")
    assert updated["reason"] == "calibrate_thresholds is false"
    assert current(fleet, "data_source")["rollout"] == "full"


def test_a_dead_primary_is_said_and_the_fallback_used(fleet: Fleet, stub: StubVendors) -> None:
    stub.always["polygon"] = Reply(403, {"status": "NOT_AUTHORIZED", "message": "no"})
    run = fleet.start(COMMAND)
    tried = result_of(fleet, run.workflow_id, "validating_data_connections")
    assert (tried["requested"], tried["used"]) == ("polygon", "yahoo")
    assert "check POLYGON_API_KEY" in tried["reason"]
    assert current(fleet, "data_source")["source"] == "yahoo"


def test_with_all_dead_nothing_is_switched_and_no_price_slips_in(
    fleet: Fleet, stub: StubVendors
) -> None:
    for vendor in ("polygon", "yahoo"):
        stub.always[vendor] = Reply(500, {"error": "down"})
    run = fleet.start(COMMAND)
    fleet.advance(timedelta(minutes=10))
    assert run.phase() is R.FAILED
    (problem,) = run.status()["error_messages"]
    assert "polygon: it failed by itself (500); it failed too often" in problem
    assert "yahoo: it failed by itself (500); it failed too often" in problem
    assert history(fleet, "data_source") == []


def test_a_source_that_dies_on_the_way_is_switched_back(fleet: Fleet) -> None:
    fleet.fail_next("discovery_algorithm_agent", "try_data_flow", ValueError("a bug"))
    fleet.fail_next("discovery_algorithm_agent", "try_data_flow", ValueError("a bug"))
    fleet.fail_next("discovery_algorithm_agent", "try_data_flow", ValueError("a bug"))
    run = fleet.start(COMMAND)
    fleet.advance(timedelta(minutes=10))
    assert run.phase() is R.FAILED
    assert [step for _, _, step in history(fleet, "data_source")] == [
        "switching_data_sources",
        "undo.switching_data_sources",
    ]
    assert current(fleet, "data_source")["source"] == "embedded"


def refuse(fleet: Fleet, run_id: str) -> None:
    assert fleet.reject(run_id, LAST) is R.CANCELLED


def expire(fleet: Fleet, _run_id: str) -> None:
    fleet.advance(timedelta(hours=25))


@pytest.mark.parametrize("end", [refuse, expire])
def test_without_an_approval_everything_is_as_before(fleet: Fleet, end: Any) -> None:
    before = fleet.start(COMMAND, {"primary_source": "yahoo", "fallback_sources": []})
    fleet.approve(before.workflow_id, LAST)
    was = {
        name: current(fleet, name)
        for name in ("data_source", "thresholds_hybrid_v1", "trading_mode")
    }
    run = fleet.start(COMMAND)
    assert current(fleet, "data_source")["source"] == "polygon"
    end(fleet, run.workflow_id)
    assert run.phase() is R.CANCELLED
    assert {name: current(fleet, name) for name in was} == was
    assert history(fleet, "data_source")[-1][2] == "undo.switching_data_sources"


def test_what_somebody_else_has_changed_since_stays(fleet: Fleet) -> None:
    first = fleet.start(COMMAND)
    second = fleet.start(COMMAND, {"primary_source": "yahoo", "fallback_sources": []})
    refuse(fleet, first.workflow_id)
    assert first.phase() is R.CANCELLED
    assert current(fleet, "data_source")["source"] == "yahoo"
    assert second.phase() is R.WAITING


def test_an_undo_leaves_what_another_run_has_made_its_own(fleet: Fleet) -> None:
    asked = {"gradual_rollout": False, "calibrate_thresholds": False}
    first, second = fleet.start(COMMAND, asked), fleet.start(COMMAND, asked)
    fleet.approve(second.workflow_id, LAST)
    fleet.reject(first.workflow_id, LAST)
    assert current(fleet, "data_source")["source"] == "polygon"
    assert current(fleet, "trading_mode") == "live"


def test_what_was_tested_is_what_goes_live_or_nothing_does(fleet: Fleet) -> None:
    run = fleet.start(COMMAND, {"strategy": "legacy_v0"})
    author = Author("somebody", "another_run")
    now = fleet.clock.now()
    fleet.engine.store.write(
        lambda s: configuration.add(s, "thresholds_legacy_v0", {"minimum": 1.0}, author, now)
    )
    fleet.approve(run.workflow_id, LAST)
    assert run.phase() is R.FAILED
    assert "was set by somebody else" in run.status()["error_messages"][0]
    assert current(fleet, "trading_mode") is None


def test_a_fork_with_other_sources_tries_them(fleet: Fleet) -> None:
    run = fleet.start(COMMAND)
    fleet.reject(run.workflow_id, LAST)
    edits = Edits({"primary_source": "yahoo", "fallback_sources": ["polygon"]})
    store = fleet.engine.store

    def proposal(edits: Edits) -> Proposal:
        return store.read(
            lambda s: propose(s, app, run.workflow_id, edits, sender="ann", run_hex=run_hex())
        )

    assert proposal(edits).reuse.reused == ()
    late = replace(edits, again=("switching_data_sources",))
    forked = fleet.engine.fork(proposal(late), By("ann"))
    fleet.advance(timedelta(minutes=10))
    problems = StoreHandle(fleet.engine, forked).status()["error_messages"]
    assert "fork the run again with `--from validating_data_connections`" in problems[0]


def test_a_source_that_cannot_be_read_is_replaced(fleet: Fleet) -> None:
    now = fleet.clock.now()
    fleet.engine.store.write(
        lambda s: configuration.add(s, "data_source", "polygon", Author("x"), now)
    )
    assert "integrate_real_data" in str(fleet.start("discover").status()["error_messages"])
    run = fleet.start(COMMAND)
    assert run.phase() is R.WAITING
    assert current(fleet, "data_source")["source"] == "polygon"


def test_the_new_source_is_compared_with_the_one_before(fleet: Fleet) -> None:
    before = fleet.start(COMMAND, {"primary_source": "yahoo", "fallback_sources": []})
    fleet.approve(before.workflow_id, LAST)
    run = fleet.start(COMMAND, {"fallback_sources": []})
    comparison = result_of(fleet, run.workflow_id, "testing_data_flow")["comparison"]
    assert comparison["with"] == "yahoo"
    assert {each["symbol"]: each["agrees"] for each in comparison["symbols"]} == {
        "AAPL": True,
        "GOOG": True,
    }


def test_the_embedded_prices_have_no_day_in_common(fleet: Fleet) -> None:
    run = fleet.start(COMMAND)
    comparison = result_of(fleet, run.workflow_id, "testing_data_flow")["comparison"]
    assert comparison["with"] == "embedded"
    assert comparison["reason"] == "too few days that both have"


def test_discovery_takes_its_prices_from_the_new_source(fleet: Fleet) -> None:
    run = fleet.start(COMMAND)
    fleet.approve(run.workflow_id, LAST)
    found = fleet.start("discover").result()
    assert found["source"] == "polygon"
    assert found["scanned"] == 4


def test_no_key_is_kept_anywhere(
    fleet: Fleet, stub: StubVendors, caplog: pytest.LogCaptureFixture
) -> None:
    stub.always["polygon"] = Reply(500, {"error": f"bad key {KEYS['polygon']}"})
    stub.always["yahoo"] = Reply(200, b"<html>are you human?</html>", kind="text/html")
    fleet.start(COMMAND, {"fallback_sources": ["yahoo", "alpha_vantage"]})
    fleet.advance(timedelta(hours=1))
    kept = fleet.engine.store.read(dump)
    for key in KEYS.values():
        assert key not in kept
        assert key not in caplog.text


def dump(session: Any) -> str:
    tables = ("runs", "steps", "attempts", "events", "shared", "configuration", "dead_letters")
    return json.dumps([session.all(f"SELECT * FROM {table}") for table in tables], default=str)


def result_of(fleet: Fleet, run_id: str, step: str) -> Any:
    row = fleet.engine.store.read(
        lambda s: s.one(
            "SELECT result, artifact FROM steps WHERE run_id = ? AND step = ?", run_id, step
        )
    )
    assert row is not None
    assert row[0] is not None, f"{step} has no result: {fleet.engine.store.read(dump)[:2000]}"
    return json.loads(row[0])
