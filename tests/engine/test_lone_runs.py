"""A process that works on one run only leaves all others alone."""

import pytest

from orchestration.state import RunStatus, StepStatus
from orchestration.store import workers
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, Fleet, step, workflow

R, S = RunStatus, StepStatus
CHAIN = workflow("chain", step("first"), step("second", "first"))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN)


class TestScope:
    def test_a_lone_run_leaves_all_others_alone(self, fleet: Fleet) -> None:
        before = fleet.worker("before")
        theirs = fleet.start("chain")
        before.take()
        lone = fleet.engine("lone", scope="chain_9", slots=9)
        mine = lone.submit(fleet.command("chain", run_id="chain_9"))
        fleet.clock.advance(14 * MINUTE)
        lone.fire_timers()
        assert lone.take_over_dead(before.seen) == 0
        lone.refill()
        assert fleet.status(theirs) is R.RUNNING
        assert fleet.row(theirs, "first").status is S.RUNNING
        assert fleet.read(workers.present) != [], "it stays listed for those who come"
        assert fleet.status(mine) is R.RUNNING

    def test_a_lone_run_waits_for_nobody_elses_slot(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=1)
        running, mine, other = (fleet.start("chain") for _ in range(3))
        assert [fleet.status(each) for each in (running, mine)] == [R.RUNNING, R.PENDING]
        fleet.engine("lone", scope=mine, slots=1).refill()
        assert fleet.status(mine) is R.RUNNING
        assert fleet.status(other) is R.PENDING

    def test_a_lone_run_moves_on_what_is_its_own(self, fleet: Fleet) -> None:
        before = fleet.worker("before")
        mine, theirs = fleet.start("chain"), fleet.start("chain")
        before.take()
        before.take()
        lone = fleet.worker("lone", rules={"scope": mine})
        assert lone.engine.take_over_dead(before.seen) == 1
        assert lone.engine.take_over_silent(before.seen) == 0
        assert fleet.work_off(lone) == ["first[0]", "second[0]"]
        assert (fleet.status(mine), fleet.status(theirs)) == (R.COMPLETED, R.RUNNING)
        assert fleet.row(theirs, "first").owner == "before"

    def test_it_buries_a_worker_that_left_nothing_to_anybody_else(self, fleet: Fleet) -> None:
        lone = fleet.worker("lone", rules={"scope": fleet.start("chain")})
        before = fleet.worker("before")
        lone.engine.take_over_dead(before.seen)
        assert [worker.id for worker in fleet.read(workers.present)] == ["lone"]

    def test_it_buries_nobody_whose_attempt_may_wait_to_be_settled(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet = fleet_of(workflow("trip", step("book", undo="refund")))
        theirs, mine = fleet.start("trip"), fleet.start("trip")
        before = fleet.worker("before", slots=1)
        assert before.take().key[0] == theirs
        fleet.client.cancel(theirs)
        lone = fleet.worker("lone", rules={"scope": mine})
        lone.engine.take_over_dead(before.seen)
        assert before.seen.left_at is None
        assert before.die() == 0
        assert before.seen.left_at is not None

    def test_it_sends_only_its_own_steps(self, fleet: Fleet) -> None:
        theirs, mine = fleet.start("chain"), fleet.start("chain")
        lone = fleet.worker("lone", rules={"scope": mine})
        assert [message.run_id for message in fleet.transport.messages] == [mine]
        fleet.work_off(lone)
        assert fleet.row(theirs, "first").status is S.READY

    def test_its_undo_does_not_wait_for_what_died_before(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("trip", step("book", undo="refund")))
        before = fleet.worker("before")
        mine = fleet.start("trip")
        before.take()
        fleet.client.cancel(mine)
        assert fleet.status(mine) is R.UNDOING
        lone = fleet.worker("lone", rules={"scope": mine})
        lone.engine.take_over_dead(before.seen)
        assert fleet.work_off(lone) == ["undo.book[0]"]
        assert fleet.status(mine) is R.CANCELLED
