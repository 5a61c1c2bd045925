"""What people must know of is written in the transaction in which it happens."""

import pytest

from orchestration.engine import By, Engine, approvals, intake
from orchestration.engine.transaction import Transaction
from orchestration.errors import DeadLetterError
from orchestration.state import RunStatus
from orchestration.store import alerts
from orchestration.store.alerts import AlertRow
from orchestration.store.dead_letters import DeadLetter
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, step, workflow


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(
        workflow("one", step("pack", timeout=20 * MINUTE)),
        workflow("trip", step("book", undo="refund"), step("pay", "book")),
        workflow("guarded", step("pay", for_each="parameters.items", approval=HOUR)),
        workflow("long", step("pay", approval=100 * HOUR)),
        workflow("forked_road", step("pay", approval=HOUR), step("pack")),
        workflow("choosy", step("pack", for_each="parameters.wanted")),
    )


def alerted(fleet: Fleet) -> list[AlertRow]:
    found: list[AlertRow] = fleet.read(lambda s: alerts.newest(s, 99))
    return found[::-1]


def tell(fleet: Fleet) -> list[str]:
    """Tell what is due, as the alerter would; the messages."""

    def operation(tx: Transaction) -> list[str]:
        found = alerts.take(tx.session, tx.now, 50)
        for alert in found:
            alerts.record_try(tx.session, alert.id, [], None, None)
        return [alert.message for alert in found]

    return fleet.client.commit(operation)


def test_a_run_that_fails_is_told_with_its_reason(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("one")
    worker.fail(worker.take())
    (alert,) = alerted(fleet)
    assert (alert.kind, alert.subject, alert.run_id) == ("workflow_failed", "one", run_id)
    assert alert.message == f"{run_id} failed: step pack: Oops: it broke"


def test_a_run_that_is_undone_is_told_when_it_has_failed(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("trip")
    worker.complete(worker.take())
    worker.fail(worker.take())
    assert alerted(fleet) == []
    fleet.work_off(worker)
    assert "step pay: Oops: it broke" in alerted(fleet)[0].message


def test_a_run_without_a_failed_step_has_a_reason_too(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("one")
    worker.take()
    fleet.advance(15 * MINUTE)
    fleet.start("choosy")
    messages = [alert.message for alert in alerted(fleet)]
    assert "WORKFLOW_TIMEOUT" in messages[0]
    assert "choosy_2 failed: step pack:" in messages[1]


def test_what_is_completed_or_cancelled_alerts_nobody(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("one")
    fleet.work_off(worker)
    fleet.client.cancel(fleet.start("one"))
    assert alerted(fleet) == []


def test_many_failures_of_one_workflow_are_two_alerts(fleet: Fleet) -> None:
    worker = fleet.worker()
    for n in range(9):
        fleet.start("one")
        worker.fail(worker.take())
        if n == 0:
            assert len(tell(fleet)) == 1
    assert [alert.times for alert in alerted(fleet)] == [1, 8]


def test_an_approval_is_asked_for_when_it_begins_and_before_its_time_is_over(
    fleet: Fleet,
) -> None:
    run_id = fleet.start("guarded", {"items": [1, 2, 3]})
    until = fleet.clock.now() + HOUR
    (alert,) = alerted(fleet)
    assert (alert.kind, alert.run_id, alert.times) == ("approval_waiting", run_id, 1)
    assert f"until {until:%Y-%m-%d %H:%M:%S}" in alert.message
    assert f"orchestrate workflows approve {run_id} pay" in alert.message
    assert len(tell(fleet)) == 1
    fleet.advance(54 * MINUTE - SECOND)
    assert tell(fleet) == []
    fleet.advance(SECOND)
    assert len(tell(fleet)) == 1
    assert fleet.status(run_id) is RunStatus.WAITING
    fleet.advance(6 * MINUTE)
    assert tell(fleet) == []
    assert fleet.status(run_id) is RunStatus.CANCELLED


def test_a_long_approval_is_asked_for_again_an_hour_before_its_end(fleet: Fleet) -> None:
    run_id = fleet.start("long")
    tell(fleet)
    fleet.advance(99 * HOUR - SECOND)
    assert tell(fleet) == []
    fleet.advance(SECOND)
    assert len(tell(fleet)) == 1
    fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"))
    fleet.work_off(fleet.worker())
    fleet.advance(2 * HOUR)
    assert fleet.status(run_id) is RunStatus.COMPLETED


def test_a_retry_asks_again(fleet: Fleet) -> None:
    run_id = fleet.start("long")
    tell(fleet)
    fleet.client.reject(run_id, "pay")
    fleet.client.retry(run_id)
    fleet.advance(5 * MINUTE)
    assert len(tell(fleet)) == 1


def test_many_runs_that_wait_at_one_step_are_two_alerts(fleet: Fleet) -> None:
    first = fleet.start("long")
    assert first in tell(fleet)[0]
    last = [fleet.start("long") for _ in range(9)][-1]
    assert tell(fleet) == []
    fleet.advance(5 * MINUTE)
    (message,) = tell(fleet)
    assert f"approve {last} pay" in message
    assert "; 9 more runs of it wait there: `orchestrate workflows list" in message


def test_a_run_that_also_works_elsewhere_is_counted_among_those_that_wait(fleet: Fleet) -> None:
    for _ in range(2):
        fleet.start("forked_road")
    (message,) = tell(fleet)
    assert message.endswith(
        "; 1 more run of it waits there: `orchestrate workflows list --command forked_road`"
    )


def test_so_many_that_they_are_not_counted(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "MOST_COUNTED", 2)
    for _ in range(4):
        fleet.start("long")
    assert "; at least 2 more runs of it wait there" in tell(fleet)[0]


def answer(fleet: Fleet, run_id: str, how: str) -> None:
    """End the wait at the step `pay` of a run."""
    match how:
        case "approve":
            fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"))
        case "reject":
            fleet.client.reject(run_id, "pay")
        case "cancel":
            fleet.client.cancel(run_id)
        case _:
            fleet.advance(HOUR)


def is_over(fleet: Fleet) -> list[bool]:
    return [alert.over_at is not None for alert in alerted(fleet)]


@pytest.mark.parametrize("how", ["approve", "reject", "cancel", "let it expire"])
def test_an_approval_that_was_answered_is_told_to_nobody_any_more(fleet: Fleet, how: str) -> None:
    run_id = fleet.start("guarded", {"items": [1, 2, 3]})
    assert is_over(fleet) == [False]
    answer(fleet, run_id, how)
    assert set(is_over(fleet)) == {True}
    assert tell(fleet) == []


def test_an_alert_of_several_runs_names_one_that_still_waits_and_is_over_with_the_last(
    fleet: Fleet,
) -> None:
    first, second, third = (fleet.start("long") for _ in range(3))
    answer(fleet, third, "approve")
    (alert,) = alerted(fleet)
    assert (alert.run_id in {first, second}, alert.over_at) == (True, None)
    assert f"approve {alert.run_id} pay" in alert.message
    assert "; 1 more run of it waits there" in alert.message
    answer(fleet, second, "cancel")
    assert tell(fleet) == [alert.message for alert in alerted(fleet)]
    assert f"approve {first} pay`, or `reject` in its place" in alerted(fleet)[0].message
    assert "more" not in alerted(fleet)[0].message
    answer(fleet, first, "reject")
    assert is_over(fleet) == [True]


def test_the_next_wait_is_told_as_soon_as_if_the_one_before_had_not_been_answered(
    fleet: Fleet,
) -> None:
    answer(fleet, fleet.start("long"), "reject")
    second = fleet.start("long")
    (message,) = tell(fleet)
    assert second in message
    answer(fleet, second, "reject")
    answer(fleet, fleet.start("long"), "reject")
    fleet.start("long")
    assert tell(fleet) == []
    fleet.advance(5 * MINUTE)
    assert len(tell(fleet)) == 1


def bury(engine: Engine, reason: str) -> None:
    letter = DeadLetter(reason=reason, detail="why", routing_key="command.x", body=b"{}")
    error = DeadLetterError(reason, "why")
    engine.commit(lambda tx: intake.bury(tx, letter, answer=False, error=error))


def test_dead_letters_are_told_by_reason_and_an_overflow_by_its_queue(fleet: Fleet) -> None:
    for reason in ("not_json", "not_json", "maxlen", "too_deep"):
        bury(fleet.client, reason)
    fleet.client.commit(intake.overflow)
    assert {(a.kind, a.subject): a.times for a in alerted(fleet)} == {
        ("dead_letters", "not_json"): 2,
        ("queue_overflow", "orchestration_queue"): 2,
        ("dead_letters", "too_deep"): 1,
    }


def test_an_emergency_stop_is_told_each_time(fleet: Fleet) -> None:
    for _ in range(2):
        fleet.client.stop_everything(By("ann", "smoke"))
        (message,) = tell(fleet)
        assert message.endswith(": smoke: nothing begins until `orchestrate emergency release`")
        fleet.client.release(By("ann"))
    assert tell(fleet) == [], "who was told of the stop released it, or saw it released"


def test_a_stop_that_was_released_before_anybody_was_told_is_told_as_over(fleet: Fleet) -> None:
    fleet.client.stop_everything(By("ann", "smoke"))
    fleet.client.release(By("bob", "no fire"))
    assert tell(fleet) == ["emergency stop by ann: smoke: released by bob: no fire, work goes on"]


def test_old_alerts_are_forgotten_with_the_rest(fleet: Fleet) -> None:
    bury(fleet.client, "not_json")
    fleet.clock.advance(2 * HOUR)
    fleet.client.forget(HOUR, 100)
    assert alerted(fleet) == []
