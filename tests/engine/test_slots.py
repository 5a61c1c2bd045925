"""Which runs may go next: slots, and the line before them."""

import pytest

from orchestration.engine import Rules
from orchestration.state import RunStatus
from orchestration.store import slot_queue
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, step, workflow

R = RunStatus
CHAIN = workflow("chain", step("first"), step("second", "first"))
CHECK = workflow("check", step("look"), system=True)
WIDE = workflow("wide", step("act", for_each="parameters.items"))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, CHECK, WIDE)


def running(fleet: Fleet) -> list[str]:
    held: list[str] = fleet.read(slot_queue.slot_holders)
    return sorted(held)


class TestRunSlots:
    def test_never_more_run_than_there_are_slots_and_each_end_admits_the_next(
        self, fleet: Fleet
    ) -> None:
        fleet.client = fleet.engine("client", slots=2)
        worker = fleet.worker(rules={"slots": 2})
        started = [fleet.start("chain") for _ in range(5)]
        while any(not fleet.status(run_id).ended for run_id in started):
            assert len(running(fleet)) <= 2
            worker.complete(worker.take())
            left = [run_id for run_id in started if not fleet.status(run_id).ended]
            assert len(running(fleet)) == min(2, len(left)), "the commit that frees one admits one"
        assert [fleet.status(run_id) for run_id in started] == [R.COMPLETED] * 5

    def test_higher_priority_goes_first_and_the_older_of_equals(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0)
        for name, priority in (("a", 2), ("b", 2), ("c", 4), ("d", 1), ("e", 3)):
            fleet.start("chain", run_id=name, priority=priority)
            fleet.clock.advance(SECOND)
        order: list[str] = []
        for slots in range(1, 6):
            fleet.engine("client", slots=slots).refill()
            order += sorted(set(running(fleet)) - set(order))
        assert order == ["c", "e", "a", "b", "d"]

    def test_old_low_work_overtakes_new_high_work(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0)
        fleet.start("chain", run_id="old", priority=1)
        fleet.clock.advance(3 * MINUTE + SECOND)
        fleet.start("chain", run_id="new", priority=4)
        fleet.engine("client", slots=1).refill()
        assert running(fleet) == ["old"]

    def test_a_system_workflow_needs_no_slot(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0)
        waits, goes = fleet.start("chain"), fleet.start("check")
        assert (fleet.status(waits), fleet.status(goes)) == (R.PENDING, R.RUNNING)
        fleet.work_off(fleet.worker(rules={"slots": 0}))
        assert (fleet.status(waits), fleet.status(goes)) == (R.PENDING, R.COMPLETED)

    def test_runs_that_end_at_once_do_not_stop_the_line(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0)
        empty = [fleet.start("wide", {"items": []}) for _ in range(5)]
        fleet.clock.advance(SECOND)
        last = fleet.start("chain")
        fleet.engine("client", slots=1).refill()
        assert [fleet.status(run_id) for run_id in empty] == [R.COMPLETED] * 5
        assert fleet.status(last) is R.RUNNING


def test_rules_have_the_defaults_of_the_guide() -> None:
    rules = Rules(me="x", jitter=lambda: 0.0)
    assert (rules.slots, rules.workflow_timeout, rules.most_pending) == (5, 15 * MINUTE, 10_000)
