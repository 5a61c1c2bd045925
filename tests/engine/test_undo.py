"""Taking back what was done: in reverse, once, and never beside what may still act."""

import pytest

from orchestration.errors import StateError
from orchestration.state import RunStatus, StepStatus
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, Worker, step, workflow

R, S = RunStatus, StepStatus

TRIP = workflow(
    "trip",
    step("flight", undo="refund"),
    step("hotel", "flight", for_each="parameters.items", undo="cancel_room"),
    step("letter", "hotel"),
    step("pay", "letter"),
)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(TRIP)


def until_paying(fleet: Fleet, worker: Worker, items: int = 2) -> str:
    """A trip of which everything but the last step is done."""
    run_id = fleet.start("trip", {"items": list(range(items))})
    while fleet.transport.messages[0].step != "pay":
        worker.complete(worker.take())
    return run_id


def test_what_was_done_is_undone_in_reverse_one_after_the_other(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    worker.fail(worker.take())
    assert fleet.status(run_id) is R.UNDOING
    undone = []
    while fleet.transport.messages:
        assert len(fleet.transport.messages) == 1
        claim = worker.take()
        undone.append((claim.action, claim.key[2]))
        worker.complete(claim)
    assert undone == [("cancel_room", 1), ("cancel_room", 0), ("refund", 0)]
    assert fleet.status(run_id) is R.FAILED
    assert fleet.run(run_id).ending is None


def test_a_cancelled_run_is_undone_and_ends_as_cancelled(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    assert fleet.client.cancel(run_id) is R.UNDOING
    assert fleet.client.cancel(run_id) is R.UNDOING
    assert fleet.run(run_id).ending is R.CANCELLED
    fleet.work_off(worker)
    assert fleet.status(run_id) is R.CANCELLED
    assert fleet.run(run_id).reason == "cancelled by orchestration"


def test_each_undo_has_a_key_of_its_own(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    fleet.client.cancel(run_id)
    keys = []
    while fleet.transport.messages:
        claim = worker.take()
        keys.append(claim.idempotency_key)
        worker.complete(claim)
    assert keys == [
        f"{run_id}:undo.hotel[1]",
        f"{run_id}:undo.hotel[0]",
        f"{run_id}:undo.flight",
    ]


def test_an_undo_is_given_the_item_of_what_it_undoes(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    fleet.client.cancel(run_id)
    assert worker.take().item == 1


def test_what_had_not_begun_needs_no_undo(fleet: Fleet) -> None:
    run_id = fleet.start("trip")
    assert fleet.client.cancel(run_id) is R.CANCELLED


def test_what_failed_by_itself_is_not_undone_but_what_came_before_is(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("trip", {"items": [0, 1]})
    worker.complete(worker.take())
    broken, late = worker.take(), worker.take()
    worker.fail(broken)
    assert not worker.complete(late)
    assert fleet.work_off(worker) == ["undo.hotel[1]", "undo.flight[0]"]
    assert fleet.status(run_id) is R.FAILED


def test_no_undo_begins_while_an_attempt_may_act(fleet: Fleet) -> None:
    worker, other = fleet.worker(), fleet.worker("w2")
    run_id = until_paying(fleet, worker)
    late = worker.take()
    fleet.client.cancel(run_id)
    assert fleet.transport.messages == []
    other.beat()
    fleet.advance(HOUR)
    fleet.client.refill()
    assert fleet.transport.messages == []
    assert not worker.complete(late, "paid")
    assert fleet.transport.messages[0].step == "undo.hotel"


@pytest.mark.parametrize("end", ["gives up", "forgets", "dies"])
def test_an_undo_begins_once_the_last_attempt_can_no_longer_act(fleet: Fleet, end: str) -> None:
    worker, other = fleet.worker(), fleet.worker("w2")
    run_id = until_paying(fleet, worker)
    claim = worker.take()
    fleet.client.cancel(run_id)
    if end == "gives up":
        worker.engine.give_up(claim.key, claim.attempt)
    elif end == "forgets":
        worker.held.clear()
        worker.beat()
    else:
        worker.die()
    assert fleet.work_off(other) == ["undo.hotel[1]", "undo.hotel[0]", "undo.flight[0]"]
    assert fleet.status(run_id) is R.CANCELLED


def test_a_silent_worker_blocks_an_undo_until_it_is_gone(fleet: Fleet) -> None:
    worker, other = fleet.worker(), fleet.worker("w2")
    run_id = until_paying(fleet, worker)
    worker.take()
    worker.fall_silent()
    fleet.client.cancel(run_id)
    fleet.transport.take()
    other.beat()
    assert fleet.transport.messages == []
    worker.die()
    assert fleet.transport.messages[0].step == "undo.hotel"


def test_what_was_cut_off_with_unknown_outcome_is_undone_too(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("trip")
    claim = worker.take()
    fleet.client.cancel(run_id)
    worker.engine.give_up(claim.key, claim.attempt)
    assert fleet.work_off(worker) == ["undo.flight[0]"]
    assert fleet.status(run_id) is R.CANCELLED


def test_an_undo_that_fails_is_tried_again_and_in_the_end_fails_the_run(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    fleet.client.cancel(run_id)
    for _ in range(4):
        worker.fail(worker.take())
        assert fleet.status(run_id) is R.UNDOING
        fleet.advance(MINUTE)
    worker.fail(worker.take())
    assert fleet.status(run_id) is R.FAILED
    assert fleet.transport.messages == []


def test_an_undo_whose_first_attempt_still_acts_is_not_overtaken_by_the_next_undo(
    fleet: Fleet,
) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    fleet.client.cancel(run_id)
    slow = worker.take()
    fleet.advance(10 * MINUTE)
    fleet.advance(SECOND)
    again = worker.take()
    assert (again.key, again.attempt) == (slow.key, 2)
    assert not worker.complete(slow)
    assert fleet.transport.messages == []
    assert fleet.status(run_id) is R.UNDOING
    worker.complete(again)
    assert fleet.work_off(worker) == ["undo.hotel[0]", "undo.flight[0]"]
    assert fleet.status(run_id) is R.CANCELLED


def test_an_undo_waits_for_its_own_attempt_that_still_acts(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    fleet.client.cancel(run_id)
    slow = worker.take()
    fleet.advance(10 * MINUTE)
    fleet.advance(SECOND)
    worker.complete(worker.take())
    assert fleet.transport.messages == []
    worker.complete(slow)
    assert fleet.transport.messages[0].step == "undo.hotel"
    assert fleet.status(run_id) is R.UNDOING


def test_a_run_that_was_undone_is_not_retried(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = until_paying(fleet, worker)
    fleet.client.cancel(run_id)
    fleet.work_off(worker)
    with pytest.raises(StateError, match="`orchestrate workflows fork "):
        fleet.client.retry(run_id)


def test_undo_needs_no_slot(fleet: Fleet) -> None:
    fleet.client = fleet.engine("client", slots=1)
    worker = fleet.worker(rules={"slots": 1})
    undoing = until_paying(fleet, worker)
    fleet.client.cancel(undoing)
    running = fleet.start("trip")
    assert (fleet.status(undoing), fleet.status(running)) == (R.UNDOING, R.RUNNING)


def test_many_branches_are_all_undone(fleet: Fleet) -> None:
    worker = fleet.worker(slots=100)
    run_id = until_paying(fleet, worker, items=100)
    fleet.client.cancel(run_id)
    undone = [f"undo.hotel[{branch}]" for branch in reversed(range(100))]
    assert fleet.work_off(worker) == [*undone, "undo.flight[0]"]
    assert fleet.status(run_id) is R.CANCELLED
