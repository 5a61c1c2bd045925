"""What becomes of attempts whose worker is lost, or hands them over."""

import pytest

from orchestration.plans import Retry
from orchestration.ports import Dispatch
from orchestration.state import RunStatus, StepStatus
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, step, workflow

R, S = RunStatus, StepStatus
CHAIN = workflow("chain", step("first"), step("second", "first"))
STUBBORN = workflow(
    "stubborn",
    step("first", retry=Retry(attempts=3, delay=4 * SECOND, never=("Hopeless",)), timeout=MINUTE),
)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, STUBBORN)


class TestLosing:
    def test_what_a_dead_worker_held_runs_again_and_alone(self, fleet: Fleet) -> None:
        worker, other = fleet.worker(), fleet.worker("w2")
        run_id = fleet.start("stubborn")
        assert not fleet.transport.messages[0].alone
        worker.take()
        assert worker.die() == 1
        (message,) = fleet.transport.messages
        assert (message.attempt, message.alone) == (2, True)
        other.complete(other.take())
        assert fleet.status(run_id) is R.COMPLETED
        (lost,) = fleet.attempts(run_id)
        assert (lost.outcome, lost.worker, lost.acting) == ("lost", "w1", False)
        assert "here:7 died" in (lost.error or "")

    def test_three_lost_workers_fail_a_step_whatever_tries_are_left(self, fleet: Fleet) -> None:
        run_id = fleet.start("stubborn")
        for name in ("a", "b", "c"):
            worker = fleet.worker(name)
            worker.take()
            worker.die()
        assert fleet.status(run_id) is R.FAILED
        assert fleet.row(run_id, "first").losses == 3
        assert fleet.row(run_id, "first").failures == 0

    def test_losses_and_failures_are_counted_apart(self, fleet: Fleet) -> None:
        run_id = fleet.start("stubborn")
        for name in ("a", "b"):
            worker = fleet.worker(name)
            worker.fail(worker.take())
            fleet.advance(MINUTE)
            worker.take()
            worker.die()
        last = fleet.worker("c")
        claim = last.take()
        assert claim.attempt == 5
        last.complete(claim)
        assert fleet.status(run_id) is R.COMPLETED

    def test_a_silent_worker_loses_its_claims_and_its_answer_comes_too_late(
        self, fleet: Fleet
    ) -> None:
        worker, other = fleet.worker(), fleet.worker("w2")
        run_id = fleet.start("chain")
        late = worker.take()
        assert worker.fall_silent() == 1
        claim = other.take()
        assert claim.attempt == 2
        assert not worker.complete(late, "late")
        assert not worker.fail(late)
        assert fleet.row(run_id, "first").status is S.RUNNING
        other.complete(claim, "in time")
        assert not worker.complete(late, "later still")
        assert fleet.result(run_id, "first") == ["in time"]

    def test_who_only_was_silent_works_on(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.take()
        worker.fall_silent()
        worker.held.clear()
        assert worker.beat()
        assert fleet.work_off(worker) == ["first[0]", "second[0]"]
        assert fleet.status(run_id) is R.COMPLETED

    def test_who_beats_again_just_before_keeps_what_it_holds(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        before = worker.seen
        assert worker.beat()
        assert fleet.client.take_over_silent(before) == 0
        assert worker.complete(claim)
        assert fleet.attempts(run_id) == []

    def test_who_was_declared_dead_is_told_to_end(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        assert worker.beat()
        worker.die()
        assert not worker.beat()

    def test_a_loss_that_ends_a_run_takes_the_workers_other_branches_along(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet = fleet_of(
            workflow("pairs", step("act", for_each="parameters.items", undo="undo_act"))
        )
        run_id = fleet.start("pairs", {"items": [1, 2, 3]})
        for name in ("a", "b", "c"):
            worker = fleet.worker(name)
            while fleet.transport.messages:
                worker.claim(fleet.transport.messages.pop(0))
            worker.die()
        assert fleet.status(run_id) is R.UNDOING
        assert set(fleet.steps(run_id).values()) == {S.FAILED, S.CANCELLED, S.READY}

    def test_a_dead_worker_leaves_cancelled_messages_cancelled(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("pairs", step("act", for_each="parameters.items")))
        run_id = fleet.start("pairs", {"items": [1, 2]})
        for name in ("a", "b", "c"):
            worker = fleet.worker(name, slots=1)
            fleet.clock.advance(MINUTE)
            worker.engine.fire_timers()  # so that it is the sender of both
            worker.claim(Dispatch("warehouse", run_id, "act", 0, ord(name) - ord("a") + 1))
            worker.die()
        assert fleet.status(run_id) is R.FAILED
        assert fleet.steps(run_id) == {"act": S.FAILED, "act[1]": S.CANCELLED}


class TestHandingOver:
    def test_a_worker_that_goes_in_good_order_counts_as_nothing(self, fleet: Fleet) -> None:
        worker, other = fleet.worker(), fleet.worker("w2")
        run_id = fleet.start("stubborn")
        worker.take()
        worker.engine.drain("w1")
        assert worker.die() == 1
        assert not fleet.transport.messages[0].alone
        other.complete(other.take())
        row = fleet.row(run_id, "first")
        assert (row.attempt, row.failures, row.losses) == (2, 0, 0)
        assert fleet.outcomes(run_id) == ["handed_over"]

    def test_each_beat_lets_go_of_what_is_not_held_in_memory(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        worker.beat()
        assert fleet.row(run_id, "first").status is S.RUNNING
        del worker.held[claim.key, claim.attempt]
        worker.beat()
        assert fleet.row(run_id, "first").status is S.QUEUED
        assert fleet.outcomes(run_id) == ["handed_over"]
        assert worker.take().attempt == 2

    def test_a_worker_that_departs_holding_nothing_is_gone(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        worker.engine.depart("w1")
        assert worker.seen.left_at is not None
        assert not worker.beat()

    def test_nothing_is_sent_for_the_slots_of_one_that_drains(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        worker.engine.drain("w1")
        worker.beat()
        run_id = fleet.start("chain")
        assert fleet.transport.messages == []
        assert fleet.row(run_id, "first").status is S.READY
