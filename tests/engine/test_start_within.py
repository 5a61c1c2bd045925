"""A branch that no worker takes in time fails, and is not waited for any longer."""

import pytest

from orchestration.plans import Retry
from orchestration.state import RunStatus, StepStatus
from orchestration.store.steps import StepRow
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, step, workflow

R, S = RunStatus, StepStatus
WITHIN = 15 * SECOND
ASK = step("ask", agent=["up", "down"], required=False, start_within=WITHIN)
CHECK = workflow("check", ASK, step("sum_up", "ask", agent="up"))
NEED = workflow(
    "need",
    step("book", agent="up", undo="unbook"),
    step("pay", "book", agent="down", start_within=WITHIN, retry=Retry(attempts=3)),
)
PERSON = workflow("person", step("pay", agent="down", start_within=WITHIN, approval=HOUR))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHECK, NEED, PERSON)


def due(row: StepRow, fleet: Fleet) -> float | None:
    return (row.due_at - fleet.clock.now()).total_seconds() if row.due_at else None


def test_an_optional_step_goes_on_without_the_agent_that_is_down(fleet: Fleet) -> None:
    worker = fleet.worker(queues={"up": 2})
    run_id = fleet.start("check")
    assert fleet.work_off(worker) == ["ask[0]"]
    assert fleet.row(run_id, "ask", 1).status is S.READY
    fleet.advance(WITHIN - SECOND)
    assert fleet.status(run_id) is R.RUNNING
    fleet.advance(SECOND)
    assert fleet.work_off(worker) == ["sum_up[0]"]
    assert fleet.status(run_id) is R.COMPLETED
    error = fleet.result(run_id, "ask")[1]["error"]
    assert error["type"] == "StartTimeout"
    assert "is one up that serves down?" in error["message"]
    assert fleet.attempts(run_id) == [], "no attempt had begun"


def test_messages_that_are_sent_again_do_not_put_it_off(fleet: Fleet) -> None:
    fleet.worker(queues={"up": 1, "down": 1})
    run_id = fleet.start("check")
    assert due(fleet.row(run_id, "ask", 1), fleet) == 10
    fleet.advance(10 * SECOND)
    assert due(fleet.row(run_id, "ask", 1), fleet) == 5, "not 20: the deadline is earlier"
    fleet.advance(5 * SECOND)
    assert fleet.steps(run_id)["ask[1]"] is S.FAILED


def test_a_required_step_fails_the_run_without_another_try(fleet: Fleet) -> None:
    worker = fleet.worker(queues={"up": 2})
    run_id = fleet.start("need")
    fleet.work_off(worker)
    fleet.advance(WITHIN)
    assert fleet.status(run_id) is R.UNDOING
    assert fleet.work_off(worker) == ["undo.book[0]"]
    assert fleet.status(run_id) is R.FAILED


def test_what_was_claimed_in_time_is_not_touched(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("check")
    claims = [worker.take(), worker.take()]
    fleet.advance(MINUTE)
    assert all(worker.complete(claim) for claim in claims)
    assert fleet.steps(run_id)["ask[1]"] is S.COMPLETED


def test_who_waits_for_a_second_worker_has_the_same_time_again(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("check")
    worker.take()
    worker.take()
    fleet.clock.advance(MINUTE)
    fleet.worker("w2", queues={"up": 1})
    worker.die()
    fleet.advance(WITHIN - SECOND)
    assert fleet.row(run_id, "ask", 1).status is S.READY
    fleet.advance(SECOND)
    assert fleet.row(run_id, "ask", 1).status is S.FAILED


def test_a_paused_run_does_not_wait_for_workers(fleet: Fleet) -> None:
    fleet.worker(queues={"up": 1, "down": 1})
    run_id = fleet.start("check")
    fleet.client.pause(run_id)
    assert fleet.advance(HOUR) == 0
    fleet.client.resume(run_id)
    fleet.advance(WITHIN - SECOND)
    assert fleet.row(run_id, "ask", 1).status is S.QUEUED
    fleet.advance(SECOND)
    assert fleet.row(run_id, "ask", 1).status is S.FAILED


def test_the_wait_for_a_person_is_not_the_wait_for_a_worker(fleet: Fleet) -> None:
    fleet.worker(queues={"up": 1})
    run_id = fleet.start("person")
    fleet.advance(HOUR - MINUTE)
    fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"))
    fleet.advance(WITHIN)
    assert fleet.status(run_id) is R.FAILED


def test_nobody_is_blamed_for_the_time_without_any_worker(fleet: Fleet) -> None:
    run_id = fleet.start("check")
    fleet.clock.advance(HOUR)
    worker = fleet.worker()
    fleet.client.fire_timers()
    assert sorted(fleet.work_off(worker)) == ["ask[0]", "ask[1]", "sum_up[0]"]
    assert fleet.status(run_id) is R.COMPLETED


def test_nor_for_the_time_before_a_clock_was_set_back(fleet: Fleet) -> None:
    run_id = fleet.start("check")
    fleet.clock.jump(-2 * HOUR)
    assert fleet.client.follow_clock()
    worker = fleet.worker()
    fleet.client.fire_timers()
    assert sorted(fleet.work_off(worker)) == ["ask[0]", "ask[1]", "sum_up[0]"]
    assert fleet.status(run_id) is R.COMPLETED


def test_an_undo_waits_for_its_worker_as_long_as_it_takes(fleet_of: MakeFleet) -> None:
    pay = step("pay", start_within=WITHIN, undo="refund")
    fleet = fleet_of(workflow("flow", pay, step("ship", "pay")))
    worker = fleet.worker()
    run_id = fleet.start("flow")
    worker.complete(worker.take())
    worker.fail(worker.take())
    fleet.advance(HOUR)
    assert fleet.status(run_id) is R.UNDOING
