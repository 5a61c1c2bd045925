"""A store that was put back: nothing goes on by itself, and what is from before changes nothing."""

from datetime import timedelta
from typing import Any

import pytest

from orchestration.engine import By
from orchestration.engine.answers import fingerprint
from orchestration.engine.outside import answer
from orchestration.engine.revival import Revived
from orchestration.errors import StateError
from orchestration.ports import Session, Store
from orchestration.state import RunStatus, StepStatus
from orchestration.store import (
    control,
    data_messages,
    dead_letters,
    outbox,
    runs,
    schedules,
    steps,
)
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.schedules import ScheduleRow
from orchestration.views import workflow as workflow_view
from orchestration.views.timeline import timeline
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, MINUTE, Fleet, Worker, app_of, step, workflow
from tests.engine.test_strangers import said

S = StepStatus
BY = By("ann", "the disk broke")
app = app_of(
    workflow("one", step("a")),
    workflow("two", step("a"), step("b", "a")),
    workflow("asks", step("a", approval=HOUR)),
    workflow("undoes", step("a", undo="unwind"), step("b", "a")),
    workflow("told", step("a", agent="stranger"), step("b", "a", agent="stranger")),
)


@pytest.fixture
def fleet(store: Store, clock: FakeClock) -> Fleet:
    return Fleet(store, clock, app)


@pytest.fixture
def worker(fleet: Fleet) -> Worker:
    return fleet.worker(queues={"warehouse": 10})


def revive(fleet: Fleet) -> Revived:
    return fleet.client.revive("another", "there", BY)


def later(fleet: Fleet) -> Worker:
    """A worker of after the restore."""
    return fleet.worker("w2", queues={"warehouse": 10})


def test_every_open_run_is_paused_and_finishes_once_it_is_resumed(
    fleet: Fleet, worker: Worker
) -> None:
    done, begun = fleet.start("one"), fleet.start("two")
    worker.complete(worker.take())
    worker.take()
    sent, pending = fleet.start("two"), [fleet.start("one") for _ in range(5)]

    revived = revive(fleet)

    assert sorted(revived.paused) == sorted([begun, sent, *pending])
    assert revived.begun == (f"{begun}:a[0]",)
    assert fleet.status(done) is RunStatus.COMPLETED
    assert {fleet.status(each) for each in revived.paused} == {RunStatus.PAUSED}
    fleet.transport.take()
    new = later(fleet)
    fleet.advance(HOUR)
    fleet.client.refill()
    assert not fleet.transport.messages, "nothing goes on by itself"
    for each in revived.paused:
        fleet.client.resume(each)
    fleet.work_off(new)
    assert {fleet.status(each) for each in revived.paused} == {RunStatus.COMPLETED}


def test_what_a_worker_of_before_did_changes_nothing(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("two")
    old = worker.take()
    epoch = revive(fleet).epoch
    assert worker.beat() is False, "it is told to end"
    assert worker.complete(old, "late") is False
    assert worker.fail(old) is False
    fleet.client.resume(run_id)
    assert fleet.steps(run_id)["a"] is S.READY
    claim = later(fleet).take()
    assert (claim.key, claim.attempt) == (old.key, epoch + 1)


def test_messages_that_were_on_their_way_claim_nothing(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("two")
    (hint,) = fleet.transport.take()
    revive(fleet)
    new = later(fleet)
    fleet.client.resume(run_id)
    (again,) = fleet.transport.take()
    assert new.claim(hint) is None
    assert worker.claim(again) is None, "it is not listed any more"
    assert new.claim(again) is not None


def test_steps_that_open_later_count_from_where_none_has_been(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("two")
    worker.take()
    epoch = revive(fleet).epoch
    new = later(fleet)
    fleet.client.resume(run_id)
    new.complete(new.take())
    assert new.take().attempt == epoch + 1
    fleet.transport.take()
    fresh = fleet.start("one")
    assert {m.attempt for m in fleet.transport.take() if m.run_id == fresh} == {1}
    again = revive(fleet).epoch
    assert again > epoch + 1
    assert fleet.row(run_id, "b").attempt == again


def test_who_goes_on_at_once_with_the_next_step_completes_it(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("two")
    worker.take()
    epoch = revive(fleet).epoch
    new = later(fleet)
    fleet.client.resume(run_id)
    assert new.complete(new.take(), goes_on=True)
    claim = new.follow(done=True)
    assert claim is not None
    assert claim.attempt == fleet.row(run_id, "b").attempt == epoch + 1
    assert new.complete(claim)
    assert fleet.status(run_id) is RunStatus.COMPLETED


def test_an_undo_waits_to_be_resumed_and_then_goes_on(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("undoes")
    worker.complete(worker.take())
    worker.fail(worker.take(), retryable=False)
    undo = worker.take()
    assert (undo.action, fleet.status(run_id)) == ("unwind", RunStatus.UNDOING)
    revive(fleet)
    assert fleet.status(run_id) is RunStatus.PAUSED
    assert worker.complete(undo) is False
    new = later(fleet)
    fleet.client.resume(run_id)
    assert fleet.status(run_id) is RunStatus.UNDOING
    new.complete(new.take())
    assert fleet.status(run_id) is RunStatus.FAILED


def test_an_undo_that_waits_holds_up_no_release_of_an_emergency_stop(
    fleet: Fleet, worker: Worker
) -> None:
    run_id = fleet.start("undoes")
    worker.complete(worker.take())
    worker.fail(worker.take(), retryable=False)
    revive(fleet)
    fleet.client.stop_everything(BY)
    assert fleet.status(run_id) is RunStatus.UNDOING
    fleet.client.release(BY)
    fleet.work_off(later(fleet))
    assert fleet.status(run_id) is RunStatus.FAILED


def test_who_looked_at_an_approval_before_has_to_look_again(fleet: Fleet) -> None:
    run_id = fleet.start("asks")

    def shown() -> str:
        rows = fleet.read(lambda s: steps.in_status(s, run_id, "a", S.WAITING))
        return str(fleet.read(lambda s: fingerprint(s, runs.get(s, run_id), rows)))

    before = shown()
    revive(fleet)
    with pytest.raises(StateError, match="look again"):
        fleet.client.approve(run_id, "a", before, BY)
    fleet.client.approve(run_id, "a", shown(), BY)
    assert fleet.status(run_id) is RunStatus.PAUSED
    assert fleet.steps(run_id) == {"a": S.HELD}


def test_time_between_the_backup_and_the_restore_is_taken_off_nobody(fleet: Fleet) -> None:
    run_id = fleet.start("asks")
    fleet.clock.advance(MINUTE)
    saved_at = fleet.clock.now()
    fleet.store.write(lambda s: control.mark_saved(s, saved_at))
    fleet.clock.advance(10 * HOUR)
    assert revive(fleet).saved_at == saved_at
    fleet.advance(50 * MINUTE)
    assert fleet.status(run_id) is RunStatus.PAUSED
    fleet.advance(10 * MINUTE)
    assert fleet.status(run_id) is RunStatus.CANCELLED


def test_time_between_the_backup_and_the_restore_is_no_time_at_work(
    fleet: Fleet, worker: Worker
) -> None:
    run_id = fleet.start("two")
    worker.take()
    fleet.clock.advance(MINUTE)
    fleet.store.write(lambda s: control.mark_saved(s, fleet.clock.now()))
    fleet.clock.advance(10 * HOUR)
    revive(fleet)
    fleet.client.resume(run_id)
    assert fleet.run(run_id).due_at == fleet.clock.now() + 14 * MINUTE


@pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR])
def test_a_clock_that_was_set_between_the_backup_and_the_restore_moves_timers_once(
    fleet: Fleet, worker: Worker, jump: timedelta
) -> None:
    run_id = fleet.start("two")
    worker.take()
    fleet.clock.advance(MINUTE)
    fleet.store.write(lambda s: control.mark_saved(s, fleet.clock.now()))
    fleet.clock.advance(MINUTE)
    fleet.clock.jump(jump)
    revive(fleet)
    fleet.client.resume(run_id)
    assert fleet.run(run_id).due_at == fleet.clock.now() + 14 * MINUTE


def test_answers_of_before_fit_no_attempt(fleet: Fleet) -> None:
    client = fleet.engine("bus", outside=frozenset({"stranger"}))
    run_id = client.submit(fleet.command("told"))
    epoch = revive(fleet).epoch
    assert fleet.read(outbox.is_empty), "what it was not told yet, it is not told"
    client.resume(run_id)

    def says(attempt: int) -> StepStatus:
        named = f"{run_id}:a:{attempt}"
        payload: dict[str, Any] = {"status": "completed", "command_id": named}
        envelope = said("stranger", "response", **payload)
        client.commit(lambda tx: answer(tx, envelope))
        return fleet.steps(run_id)["a"]

    assert says(1) is S.RUNNING
    assert says(2) is S.RUNNING
    assert says(epoch + 1) is S.COMPLETED


def test_schedules_wait_to_be_resumed(fleet: Fleet) -> None:
    at = fleet.clock.now() + timedelta(days=1)
    about = ("one", "{}", "0 6 * * *", "UTC", "skip")
    for row in (
        ScheduleRow("daily", *about, paused=False, next_at=at, last_run=None, created_at=at),
        ScheduleRow("rests", *about, paused=True, next_at=at, last_run=None, created_at=at),
    ):
        fleet.store.write(lambda s, row=row: schedules.insert(s, row))  # type: ignore[misc]
    assert revive(fleet).schedules == ("daily",)
    assert all(each.paused for each in fleet.read(schedules.everyone))


def test_it_is_another_store_from_then_on(fleet: Fleet) -> None:
    revive(fleet)
    assert fleet.read(control.store_id) == "another"
    assert fleet.read(control.name) == "another there"
    assert fleet.events("")[-1] == "store.restored"


def test_what_died_and_came_before_is_kept_beside_what_comes_after(fleet: Fleet) -> None:
    def arrive(session: Session) -> None:
        now = fleet.clock.now()
        letter = DeadLetter(reason="bad_json", detail="", routing_key="x", body=b"{")
        dead_letters.add(session, letter, now)
        data_messages.add(session, "prices", "smith", "{}", now)

    def kept() -> tuple[int, int]:
        messages = fleet.read(lambda s: s.all("SELECT id FROM data_messages"))
        return fleet.read(dead_letters.count), len(messages)

    for _ in range(3):
        fleet.store.write(arrive)
    last = fleet.read(dead_letters.last_id)
    revive(fleet)
    fleet.store.write(arrive)
    while fleet.client.forget(HOUR, 4):
        pass
    assert kept() == (4, 4)
    while fleet.client.forget(HOUR, 2):
        pass
    assert kept() == (2, 2)
    new, old = (each.id for each in fleet.read(lambda s: dead_letters.newest(s, 9)))
    assert new > old + 1_000
    assert old == last
    fleet.clock.advance(2 * HOUR)
    while fleet.client.forget(HOUR, 4):
        pass
    assert kept() == (0, 0)


def test_people_see_the_attempts_that_the_store_knows_of(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("two")
    worker.take()
    for _ in range(2):
        revive(fleet)
    assert shown(fleet, run_id)["attempt"] == 1
    new = later(fleet)
    fleet.client.resume(run_id)
    claim = new.take()
    assert shown(fleet, run_id)["attempt"] == 2
    assert [each["attempt"] for each in shown(fleet, run_id)["attempts"]] == [1]
    new.fail(claim)
    assert [each["attempt"] for each in shown(fleet, run_id)["attempts"]] == [1, 2]
    line = fleet.store.read(lambda s: timeline(s, runs.get(s, run_id), fleet.clock.now()))
    assert line.tracks[0].attempts == 2
    assert [bar.attempt for bar in line.tracks[0].bars if bar.attempt] == [1, 2]


def shown(fleet: Fleet, run_id: str) -> dict[str, Any]:
    """The first step of a run as people see it."""
    step: dict[str, Any] = fleet.store.read(lambda s: workflow_view.detail(s, run_id))["steps"][0]
    return step
