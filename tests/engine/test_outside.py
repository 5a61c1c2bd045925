"""Outside agents: how their attempts end when nobody hears of them."""

from datetime import timedelta

import pytest

from orchestration.engine import outside
from orchestration.state import RunStatus, StepStatus
from orchestration.store import control
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, Worker, step, workflow
from tests.engine.test_strangers import said

ASK = workflow("ask", step("asking", agent="partner", timeout=10 * MINUTE))
LONG = workflow(
    "long",
    step("asking", agent="partner", timeout=10 * MINUTE),
    step("packing", "asking", undo="unpacking"),
    step("sending", "packing"),
)
BRIEF = workflow("brief", step("asking", agent="partner", timeout=10 * SECOND))
GRACE, SILENCE = 30 * SECOND, 5 * MINUTE


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    found = fleet_of(ASK, LONG, BRIEF)
    found.client = found.engine("client", outside=frozenset({"partner"}), offers=frozenset())
    found.hear()
    found.advance(MINUTE)
    return found


def beat(fleet: Fleet) -> None:
    fleet.client.commit(lambda tx: outside.report(tx, said("partner", "status_update")))


def listen_to_beats(fleet: Fleet, span: timedelta) -> None:
    for _ in range(int(span / (15 * SECOND))):
        fleet.listen(15 * SECOND)
        beat(fleet)


def told(fleet: Fleet, run_id: str) -> str:
    return fleet.row(run_id, "asking").error or ""


def answer(fleet: Fleet, named: str) -> None:
    done = said("partner", "response", command_id=named, status="completed", result={})
    fleet.client.commit(lambda tx: outside.answer(tx, done))


def back_after(fleet: Fleet, worker: Worker, span: timedelta) -> None:
    """Let the only worker leave, and another one come later."""
    worker.beat()
    worker.engine.depart("w1")
    fleet.clock.advance(span)
    fleet.worker("w2", queues={"warehouse": 1}).engine.fire_timers()


def test_an_agent_of_which_nothing_is_heard_has_failed(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    fleet.listen(GRACE)
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.listen(10 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_the_error_of_a_silent_agent_says_since_when_nothing_was_heard_of_it(fleet: Fleet) -> None:
    never, heard = fleet.start("ask"), fleet.clock.now()
    fleet.listen(GRACE + 10 * SECOND)
    assert f"heard of partner since {heard:%Y-%m-%dT%H:%M:%S}" in told(fleet, never)
    once = fleet.start("ask")
    listen_to_beats(fleet, MINUTE)
    heard = fleet.clock.now()
    fleet.listen(SILENCE)
    assert f"heard of partner since {heard:%Y-%m-%dT%H:%M:%S}" in told(fleet, once)


def test_an_agent_that_is_only_late_is_not_called_silent(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    listen_to_beats(fleet, 10 * MINUTE)
    assert "no result" in told(fleet, run_id)
    assert "heard of" not in told(fleet, run_id)


def test_an_answer_from_a_time_without_workers_counts(fleet: Fleet) -> None:
    worker = fleet.worker(queues={"warehouse": 1})
    run_id = fleet.start("ask")
    back_after(fleet, worker, 40 * SECOND)
    answer(fleet, f"{run_id}:asking:1")
    assert fleet.status(run_id) is RunStatus.COMPLETED


@pytest.mark.parametrize("away", [40 * SECOND, 6 * MINUTE, 10 * MINUTE])
def test_a_time_without_workers_neither_makes_an_agent_silent_nor_late(
    fleet: Fleet, away: timedelta
) -> None:
    worker = fleet.worker(queues={"warehouse": 1})
    run_id = fleet.start("ask")
    listen_to_beats(fleet, MINUTE)
    back_after(fleet, worker, away)
    deadline = fleet.row(run_id, "asking").deadline
    assert deadline is not None
    assert deadline - fleet.clock.now() == 9 * MINUTE
    listen_to_beats(fleet, 8 * MINUTE)
    assert fleet.status(run_id) is RunStatus.RUNNING
    listen_to_beats(fleet, MINUTE)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_while_nobody_listens_no_attempt_ends(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    fleet.publish()
    for _ in range(15):
        fleet.advance(MINUTE // 2)
    assert fleet.row(run_id, "asking").status is StepStatus.RUNNING
    fleet.listen(GRACE)
    beat(fleet)
    fleet.listen(MINUTE)
    assert fleet.row(run_id, "asking").status is StepStatus.RUNNING
    fleet.listen(SILENCE)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_who_listens_again_after_a_pause_gives_time_once_more(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    fleet.listen(20 * SECOND)
    fleet.advance(20 * SECOND)
    fleet.hear()
    fleet.listen(20 * SECOND)
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.listen(20 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_who_listened_while_nobody_was_awaited_puts_off_no_end(fleet: Fleet) -> None:
    fleet.hear()
    fleet.advance(10 * MINUTE)
    run_id = fleet.start("brief")
    fleet.publish()
    fleet.advance(5 * SECOND)
    fleet.hear(10 * MINUTE)
    fleet.advance(4 * SECOND)
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.advance(SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_who_begins_to_listen_hides_nobody_who_has_listened_for_longer(fleet: Fleet) -> None:
    fleet.advance(10 * MINUTE)
    run_id = fleet.start("brief")
    fleet.publish()
    fleet.hear()
    fleet.advance(5 * SECOND)
    fleet.hear(10 * MINUTE)
    fleet.advance(4 * SECOND)
    fleet.hear(4 * SECOND)
    fleet.advance(SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_an_end_that_comes_before_anybody_says_that_he_listens_is_put_off_briefly(
    fleet: Fleet,
) -> None:
    fleet.hear()
    fleet.advance(10 * MINUTE)
    run_id = fleet.start("brief")
    fleet.publish()
    fleet.advance(10 * SECOND)
    fleet.hear(10 * MINUTE)
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.advance(5 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_while_nobody_listens_an_attempt_that_is_due_is_seldom_looked_at(fleet: Fleet) -> None:
    run_id = fleet.start("brief")
    fleet.publish()
    looks = sum(fleet.advance(5 * SECOND) for _ in range(60))
    assert fleet.status(run_id) is RunStatus.RUNNING
    assert looks <= 3 + 5 * MINUTE / GRACE
    fleet.listen(GRACE + 5 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED, "that makes its end no later"


def test_where_only_the_release_before_listens_an_attempt_ends_by_its_timer(
    fleet: Fleet,
) -> None:
    forget = "UPDATE control SET listening_since = NULL, listened_at = NULL"
    fleet.store.write(lambda s: s.run(forget))
    run_id = fleet.start("brief")
    fleet.publish()
    fleet.advance(9 * SECOND)
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.advance(SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_a_clock_that_was_set_lets_nobody_listen_longer(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    fleet.listen(20 * SECOND)
    fleet.clock.jump(timedelta(hours=-2))
    fleet.listen(20 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_where_there_is_no_rabbitmq_nobody_is_waited_for(fleet: Fleet) -> None:
    fleet.worker(queues={"warehouse": 1}, transport=control.EMBEDDED)
    run_id = fleet.start("ask")
    fleet.advance(10 * MINUTE)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_a_retry_does_not_forget_how_long_a_cancelled_agent_is_waited_for(fleet: Fleet) -> None:
    worker = fleet.worker(queues={"warehouse": 1})
    run_id = fleet.start("long")
    fleet.client.cancel(run_id)
    fleet.client.retry(run_id)
    answer(fleet, f"{run_id}:asking:2")
    worker.complete(worker.take())
    worker.fail(worker.take(), retryable=False)
    assert fleet.status(run_id) is RunStatus.UNDOING
    assert not fleet.transport.messages
    fleet.listen(SILENCE)
    assert worker.take().action == "unpacking"
    assert [row.acting for row in fleet.attempts(run_id)] == [False, False]


def test_a_cancelled_agent_is_waited_for_while_nobody_listens(fleet: Fleet) -> None:
    run_id = fleet.start("long")
    fleet.client.cancel(run_id)
    fleet.advance(2 * SILENCE)
    assert [row.acting for row in fleet.attempts(run_id)] == [True]
    fleet.listen(GRACE + 10 * SECOND)
    assert [row.acting for row in fleet.attempts(run_id)] == [False]


def test_a_command_that_rabbitmq_has_not_taken_makes_nobody_silent(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    for _ in range(60):
        fleet.advance(5 * SECOND)
        fleet.hear()
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.listen(25 * SECOND)
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.listen(10 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED


def test_a_command_that_has_not_left_when_its_attempt_ends_never_leaves(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    fleet.advance(10 * MINUTE)
    assert fleet.publish() == []
    fleet.listen(GRACE + 10 * SECOND)
    assert fleet.status(run_id) is RunStatus.FAILED
    cancelled = fleet.start("ask")
    fleet.client.cancel(cancelled)
    assert fleet.publish() == [f"{cancelled}:asking:1:cancel"]


def test_a_confirm_that_comes_after_the_first_progress_shortens_nothing(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    command = f"{run_id}:asking:1"
    share = {"workflow_id": run_id, "step": "asking", "progress": 0.1}
    fleet.client.commit(lambda tx: outside.report(tx, said("partner", "status_update", **share)))
    told_at = fleet.row(run_id, "asking").due_at
    fleet.client.commit(lambda tx: outside.sent(tx, command))
    assert fleet.row(run_id, "asking").due_at == told_at


def test_a_confirm_for_a_row_that_cannot_be_read_holds_up_no_other(fleet: Fleet) -> None:
    run_id = fleet.start("ask")
    fleet.store.write(lambda s: s.run("UPDATE steps SET status = 'odd' WHERE run_id = ?", run_id))
    fleet.client.commit(lambda tx: outside.sent(tx, f"{run_id}:asking:1"))


def test_a_clock_that_was_set_ahead_is_no_time_without_workers(fleet: Fleet) -> None:
    worker = fleet.worker(queues={"warehouse": 1})
    run_id = fleet.start("ask")
    worker.beat()
    left = fleet.row(run_id, "asking").deadline
    assert left is not None
    left_s = left - fleet.clock.now()
    fleet.clock.jump(timedelta(hours=1))
    fleet.client.follow_clock()
    worker.engine.depart("w1")
    fleet.clock.advance(40 * SECOND)
    fleet.worker("w2", queues={"warehouse": 1})
    deadline = fleet.row(run_id, "asking").deadline
    assert deadline is not None
    assert deadline - fleet.clock.now() == left_s
