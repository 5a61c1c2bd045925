"""The emergency stop: written first, found by everything that could begin, until a release."""

import pytest

from orchestration.engine.by import By
from orchestration.engine.emergency import release, stop
from orchestration.engine.intake import Received, take
from orchestration.errors import OverloadedError, StateError, StoppedError
from orchestration.messages import Envelope, MessageType
from orchestration.state import RunStatus, StepStatus
from orchestration.store import alerts, configuration, dead_letters, stops
from orchestration.store.configuration import Author
from orchestration.views import emergency
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, Fleet, step, workflow

R, S = RunStatus, StepStatus
ME = By("ann", "prices look wrong")

TRIP = workflow("trip", step("flight", undo="refund"), step("hotel", "flight"))
ASK = workflow("ask", step("asking", approval=HOUR))
LOOK = workflow("look", step("looking"), system=True)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(TRIP, ASK, LOOK)


def test_every_run_is_cancelled_and_says_why(fleet: Fleet) -> None:
    worker = fleet.worker()
    running, waiting = fleet.start("trip"), fleet.start("ask")
    paused = fleet.start("trip")
    fleet.client.pause(paused)
    worker.claim(next(m for m in fleet.transport.take() if m.run_id == running))
    assert fleet.client.stop_everything(ME) == 1
    assert fleet.status(running) is R.UNDOING
    assert fleet.status(waiting) is fleet.status(paused) is R.CANCELLED
    assert fleet.run(running).reason == "emergency stop by ann: prices look wrong"
    found = fleet.read(emergency.status)
    assert (found["stopped"], found["cancelled"], found["left"]) == (True, 3, 0)


def test_a_stop_names_what_may_still_act_until_it_is_seen_to_stop(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id, system = fleet.start("trip"), fleet.start("look")
    claims = {claim.key[0]: claim for claim in (worker.take(), worker.take())}
    assert claims.keys() == {run_id, system}
    since = fleet.clock.now()
    fleet.clock.advance(MINUTE)
    fleet.client.commit(lambda tx: stop(tx, ME))
    told = {
        "workflow_id": run_id, "step": "flight", "branch": 0, "name": "flight", "attempt": 1,
        "agent": "warehouse", "place": "here:7",
        "since": since.isoformat(timespec="milliseconds"),
    }  # fmt: skip
    assert fleet.read(emergency.status)["acting"] == [told], "claimed, and not cut off yet"
    fleet.client.clear_stopped()
    assert fleet.read(emergency.status)["acting"] == [told], "cut off, and not seen to stop"
    worker.complete(claims[run_id])
    assert fleet.read(emergency.status)["acting"] == []


def test_more_runs_than_one_transaction_takes_are_cancelled(fleet: Fleet) -> None:
    fleet.worker()
    for _ in range(60):
        fleet.start("ask")
    fleet.client.stop_everything(ME)
    found = fleet.read(emergency.status)
    assert (found["cancelled"], found["left"]) == (60, 0)


def test_what_a_stopper_left_is_cancelled_by_whoever_sweeps(fleet: Fleet) -> None:
    fleet.worker()
    run_id = fleet.start("ask")
    fleet.client.commit(lambda tx: stops.add(tx.session, "ann", "", tx.now))
    assert fleet.status(run_id) is R.WAITING
    fleet.client.clear_stopped()
    assert fleet.status(run_id) is R.CANCELLED


def test_nothing_new_begins_until_a_release(fleet: Fleet) -> None:
    fleet.worker()
    fleet.client.stop_everything(ME)
    with pytest.raises(StoppedError, match=r"by ann \(prices look wrong\) holds.*release"):
        fleet.start("trip")
    assert fleet.client.release(By("bob")) == 1
    assert fleet.status(fleet.start("trip")) is R.RUNNING


def test_a_command_by_the_bus_is_kept_as_a_dead_letter(fleet: Fleet) -> None:
    fleet.client.stop_everything(ME)
    envelope = Envelope(
        id="m1", message_type=MessageType.COMMAND, sender="boss", recipient="all", payload={}
    )
    command = fleet.command("trip", sender="boss")
    received = Received(envelope=envelope, body=b"{}", routing_key="k", queue="q", command=command)
    fleet.client.commit(lambda tx: take(tx, received))
    (letter,) = fleet.read(lambda s: dead_letters.newest(s, 1))
    assert letter.reason == "command_rejected"
    assert "orchestrate emergency release" in letter.detail


def test_a_command_that_was_seen_before_gets_its_run(fleet: Fleet) -> None:
    run_id = fleet.start("trip", key="k")
    fleet.client.stop_everything(ME)
    assert fleet.start("trip", key="k") == run_id


def test_system_workflows_go_on(fleet: Fleet) -> None:
    worker = fleet.worker()
    before = fleet.start("look")
    fleet.client.stop_everything(ME)
    after = fleet.start("look")
    fleet.work_off(worker)
    assert fleet.status(before) is fleet.status(after) is R.COMPLETED


def test_a_message_sent_before_the_stop_is_not_claimed(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("trip")
    (message,) = fleet.transport.take()
    fleet.client.commit(lambda tx: stops.add(tx.session, "ann", "", tx.now))
    assert worker.claim(message) is None


def test_no_slot_that_is_freed_goes_to_a_pending_run(fleet: Fleet) -> None:
    fleet.worker()
    runs = [fleet.start("trip") for _ in range(6)]
    assert fleet.status(runs[5]) is R.PENDING
    fleet.client.commit(lambda tx: stops.add(tx.session, "ann", "", tx.now))
    fleet.client.cancel(runs[0])
    fleet.client.refill()
    assert fleet.status(runs[5]) is R.PENDING


def test_undo_is_held_until_the_release(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("trip")
    worker.complete(worker.take())
    fleet.transport.take()
    fleet.client.stop_everything(ME)
    fleet.advance(MINUTE)
    fleet.client.refill()
    assert fleet.status(run_id) is R.UNDOING
    assert fleet.transport.take() == []
    fleet.client.release(By("bob"))
    assert fleet.work_off(worker) == ["undo.flight[0]"]
    assert fleet.status(run_id) is R.CANCELLED


def test_an_undo_that_was_sent_before_the_stop_is_sent_again_at_once_after_the_release(
    fleet: Fleet,
) -> None:
    worker = fleet.worker()
    run_id = fleet.start("trip")
    worker.complete(worker.take())
    fleet.transport.take()
    fleet.client.cancel(run_id)
    (message,) = fleet.transport.take()
    assert message.step == "undo.flight"
    fleet.client.stop_everything(ME)
    for _ in range(30):
        fleet.advance(MINUTE)
        assert all(worker.claim(each) is None for each in fleet.transport.take())
    fleet.client.release(By("bob"))
    assert fleet.row(run_id, "undo.flight").sends == 0
    fleet.client.fire_timers()
    assert fleet.work_off(worker) == ["undo.flight[0]"]
    assert fleet.status(run_id) is R.CANCELLED


def test_people_cannot_let_anything_go_on(fleet: Fleet) -> None:
    worker = fleet.worker()
    failed, waiting = fleet.start("trip"), fleet.start("ask")
    worker.fail(worker.take())
    paused = fleet.start("trip")
    fleet.client.pause(paused)
    fleet.client.commit(lambda tx: stops.add(tx.session, "ann", "", tx.now))
    with pytest.raises(StoppedError):
        fleet.client.retry(failed)
    with pytest.raises(StoppedError):
        fleet.client.approve(waiting, "asking", fleet.client.shown(waiting, "asking"))
    with pytest.raises(StoppedError):
        fleet.client.resume(paused)
    fleet.client.reject(waiting, "asking")
    assert fleet.status(waiting) is R.CANCELLED


def test_a_worker_acknowledges_with_its_beat_once_all_is_cancelled(fleet: Fleet) -> None:
    early, late = fleet.worker("early"), fleet.worker("late")
    fleet.start("ask")
    epoch = fleet.client.commit(lambda tx: stop(tx, ME))
    early.beat()
    assert [each["name"] for each in fleet.read(emergency.status)["silent"]] == ["early", "late"]
    fleet.client.clear_stopped()
    early.beat()
    found = fleet.read(emergency.status)
    assert found["epoch"] == epoch
    assert [each["name"] for each in found["acknowledged"]] == ["early"]
    assert [each["name"] for each in found["silent"]] == ["late"]
    late.beat()
    assert fleet.read(emergency.status)["silent"] == []


def test_a_second_stop_is_the_same_one(fleet: Fleet) -> None:
    assert fleet.client.stop_everything(ME) == 1
    assert fleet.client.stop_everything(By("bob", "me too")) == 1
    fleet.client.release(By("bob"))
    assert fleet.client.stop_everything(By("bob", "again")) == 2
    assert fleet.read(emergency.status)["by"] == "bob"


def test_there_is_nothing_to_release_where_nothing_is_stopped(fleet: Fleet) -> None:
    with pytest.raises(StateError, match="no emergency stop holds"):
        fleet.client.release(ME)


def test_before_the_first_one_there_is_no_stop(fleet: Fleet) -> None:
    assert fleet.read(emergency.status) == {
        "stopped": False, "epoch": 0, "acting": [], "configuration": [],
    }  # fmt: skip


def test_a_stop_is_accepted_however_much_its_sender_has_pending(fleet_of: MakeFleet) -> None:
    fleet = fleet_of(TRIP, LOOK)
    fleet.client = fleet.engine("client", most_pending=1, slots=0)
    fleet.start("trip")
    with pytest.raises(OverloadedError):
        fleet.start("trip")
    fleet.start("look", stops=True)
    assert fleet.read(stops.is_stopped)


def test_a_release_waits_until_all_is_cancelled(fleet: Fleet) -> None:
    fleet.worker()
    run_id = fleet.start("ask")
    fleet.client.commit(lambda tx: stop(tx, ME))
    with pytest.raises(StateError, match=f"still has to cancel {run_id}"):
        fleet.client.commit(lambda tx: release(tx, ME))
    fleet.client.release(ME)
    assert fleet.status(run_id) is R.CANCELLED


def test_what_the_fleet_goes_by_stays_and_is_named_by_the_status_and_the_alert(
    fleet: Fleet,
) -> None:
    def configure(name: str, value: object) -> None:
        fleet.client.commit(
            lambda tx: configuration.add(tx.session, name, value, Author("ann"), tx.now)
        )

    configure("doors", "open")
    configure("limits", ["x" * 99])
    fleet.client.stop_everything(ME)
    assert fleet.read(emergency.status)["configuration"] == [
        {"name": "doors", "value": "open", "version": 1},
        {"name": "limits", "value": ["x" * 99], "version": 1},
    ]
    (alert,) = fleet.read(lambda s: alerts.newest(s, 9))
    assert 'stays as it is: doors = "open", limits = ["xxx' in alert.message
    assert len(alert.message) < 300
