"""A run is not blamed for the time in which nobody worked."""

import pytest

from orchestration.state import RunStatus
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, Fleet, step, workflow


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(workflow("chain", step("first"), step("second", "first")))


def test_waiting_for_the_first_worker_is_not_running(fleet: Fleet) -> None:
    run_id = fleet.start("chain")
    fleet.clock.advance(2 * HOUR)
    worker = fleet.worker()
    fleet.client.fire_timers()
    fleet.work_off(worker)
    assert fleet.status(run_id) is RunStatus.COMPLETED


def test_a_night_without_workers_is_taken_off_the_clock(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    fleet.clock.advance(10 * MINUTE)
    worker.beat()
    worker.engine.depart("w1")
    fleet.clock.advance(8 * HOUR)
    fleet.worker("w2").engine.fire_timers()
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.clock.advance(5 * MINUTE)
    fleet.client.fire_timers()
    assert fleet.status(run_id) is RunStatus.FAILED


def test_a_second_worker_gives_no_more_time(fleet: Fleet) -> None:
    fleet.worker()
    run_id = fleet.start("chain")
    fleet.clock.advance(14 * MINUTE)
    fleet.worker("w2")
    fleet.clock.advance(MINUTE)
    fleet.client.fire_timers()
    assert fleet.status(run_id) is RunStatus.FAILED


def test_a_clock_that_was_set_back_takes_no_time_away(fleet: Fleet) -> None:
    """What was written before lies in the future: nobody knows for how long no worker was there."""
    worker = fleet.worker()
    run_id = fleet.start("chain")
    worker.beat()
    worker.engine.depart("w1")
    fleet.clock.jump(-2 * HOUR)
    assert fleet.client.follow_clock()
    fleet.worker("w2").engine.fire_timers()
    assert fleet.status(run_id) is RunStatus.RUNNING
