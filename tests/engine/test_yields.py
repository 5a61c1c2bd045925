"""What an attempt yields besides its result is written with its completion, or not at all."""

import json
from typing import Any

import pytest

from orchestration.definitions import Route
from orchestration.engine import Value, Yield
from orchestration.engine.answers import fingerprint
from orchestration.engine.by import By
from orchestration.engine.emergency import stop
from orchestration.errors import ConfiguredMeanwhileError, PermanentError, StateError
from orchestration.state import RunStatus, StepStatus
from orchestration.store import configuration, shared, steps
from orchestration.store.configuration import Author, Version
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, SECOND, Fleet, step, workflow

SWITCH = workflow(
    "switch",
    step("switching", undo="switch_back", configures=["source"]),
    step("trying", "switching"),
)
LIVE = Yield({"source": Value("polygon")})


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(SWITCH)


def source(fleet: Fleet) -> Version | None:
    found: Version | None = fleet.read(lambda s: configuration.current(s, "source"))
    return found


def history(fleet: Fleet) -> list[tuple[int, Any, str | None]]:
    found = fleet.read(lambda s: configuration.history(s, "source", 10))
    return [(each.version, each.value, each.step) for each in found]


def test_a_completion_writes_the_configuration_and_who_set_it(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("switch")
    claim = worker.take()
    assert worker.engine.complete(claim.key, claim.attempt, None, LIVE)
    now = fleet.clock.now()
    assert source(fleet) == Version("source", 1, "polygon", now, run_id, "switching", "warehouse")
    assert "configured" in fleet.events(run_id)


def test_the_same_value_by_another_run_is_a_version_of_its_own(fleet: Fleet) -> None:
    worker = fleet.worker()
    runs = []
    for _ in range(2):
        runs.append(fleet.start("switch"))
        claim = worker.take()
        worker.engine.complete(claim.key, claim.attempt, None, LIVE)
        fleet.work_off(worker)
    assert history(fleet) == [(2, "polygon", "switching"), (1, "polygon", "switching")]
    newest = source(fleet)
    assert newest is not None
    assert newest.run_id == runs[1]


def test_what_was_decided_upon_an_older_version_is_decided_again(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("switch")
    claim = worker.take()
    fleet.store.write(
        lambda s: configuration.add(s, "source", "yahoo", Author("ann"), fleet.clock.now())
    )
    upon = Yield({"source": Value("polygon", over=0)})
    with pytest.raises(ConfiguredMeanwhileError, match="set by ann meanwhile"):
        worker.engine.complete(claim.key, claim.attempt, None, upon)
    assert worker.engine.complete(
        claim.key, claim.attempt, None, Yield({"source": Value("polygon", over=1)})
    )


def test_after_a_stop_nothing_is_configured(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("switch")
    claim = worker.take()
    fleet.client.commit(lambda tx: stop(tx, By("ann", "prices look wrong")))
    assert not worker.engine.complete(claim.key, claim.attempt, None, LIVE)
    fleet.client.clear_stopped()
    worker.held.clear()
    worker.beat()
    assert source(fleet) is None
    assert fleet.status(run_id) is not RunStatus.COMPLETED


def test_a_late_completion_configures_nothing(fleet: Fleet) -> None:
    late, other = fleet.worker("w1"), fleet.worker("w2")
    fleet.start("switch")
    claim = late.take()
    late.fall_silent()
    fleet.advance(SECOND)
    other.complete(other.take())
    assert not late.engine.complete(claim.key, claim.attempt, None, LIVE)
    assert source(fleet) is None


def test_a_step_sets_only_what_it_declares(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("switch")
    claim = worker.take()
    with pytest.raises(PermanentError, match=r"declare configures=\['trading_mode'\]"):
        worker.engine.complete(
            claim.key, claim.attempt, None, Yield({"trading_mode": Value("live")})
        )
    assert fleet.status(run_id) is RunStatus.RUNNING
    assert fleet.read(configuration.everything) == []


def test_an_undo_may_set_what_its_step_may(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("switch")
    claim = worker.take()
    worker.engine.complete(claim.key, claim.attempt, None, LIVE)
    worker.fail(worker.take())
    back = worker.take()
    assert back.configures == ("source",)
    assert worker.engine.complete(
        back.key, back.attempt, None, Yield({"source": Value("embedded")})
    )
    assert history(fleet) == [(2, "embedded", "undo.switching"), (1, "polygon", "switching")]
    assert [each.value for each in fleet.read(configuration.everything)] == ["embedded"]


def test_data_are_kept_and_passed_on_with_the_completion(fleet: Fleet) -> None:
    worker = fleet.worker(rules={"routes": [Route("found", ["guest"], renamed="finds")]})
    run_id = fleet.start("switch")
    claim = worker.take()
    found = Yield(data=[("found", {"n": 1}), ("other", {"n": 2})])
    assert worker.engine.complete(claim.key, claim.attempt, None, found)
    kept = fleet.read(lambda s: s.all("SELECT data_type, sender FROM data_messages ORDER BY id"))
    assert kept == [("found", "warehouse"), ("other", "warehouse")]
    key, body = fleet.read(lambda s: s.one("SELECT routing_key, body FROM outbox"))
    assert key == "data.guest"
    assert json.loads(body)["payload"] == {"data_type": "finds", "data": {"n": 1}}
    assert run_id in json.loads(body)["id"]


def test_shared_values_are_replaced_by_what_becomes_of_them(fleet: Fleet) -> None:
    engine = fleet.client

    def count(old: Any) -> Any:
        return (old or 0) + 1

    assert [engine.update_shared("calls.polygon", count) for _ in range(3)] == [1, 2, 3]
    engine.update_shared("calls_yahoo", lambda _: {"n": 1})
    assert fleet.read(lambda s: shared.under(s, "calls.")) == {"calls.polygon": 3}
    assert engine.update_shared("calls.polygon", lambda _: None) is None
    assert fleet.read(lambda s: shared.get(s, "calls.polygon")) is None


def test_an_approval_is_of_the_configuration_that_was_shown(fleet_of: MakeFleet) -> None:
    fleet = fleet_of(SWITCH, workflow("pay", step("pay", approval=HOUR, configures=["source"])))
    worker = fleet.worker()
    run_id = fleet.start("pay")
    rows = fleet.read(lambda s: steps.in_status(s, run_id, "pay", StepStatus.WAITING))
    run = fleet.run(run_id)
    shown = fleet.read(lambda s: fingerprint(s, run, rows))
    fleet.start("switch")
    claim = worker.take()
    worker.engine.complete(claim.key, claim.attempt, None, LIVE)
    with pytest.raises(StateError, match="not what was shown"):
        fleet.client.approve(run_id, "pay", shown)
