"""The sweeper of one worker, moment by moment: who is dead or silent, and what the clock says."""

from datetime import timedelta

import pytest

from orchestration.state import RunStatus, StepStatus
from tests.integration.workshop import Anvil, Workshop

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def test_a_dead_worker_is_buried_at_once_and_its_attempt_goes_elsewhere(
    workshop: Workshop, anvil: Anvil
) -> None:
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    heir = workshop.beside()
    workshop.locks.release(workshop.me)
    heir.tick(2 * SECOND)
    row = workshop.branch(run)
    assert (row.status, row.losses) == (StepStatus.QUEUED, 1)
    assert heir.shelf.sent[-1].alone
    anvil.free.set()
    working.join()
    assert workshop.branch(run).status is StepStatus.QUEUED
    heir.work().join()
    assert workshop.status(run) is RunStatus.COMPLETED


def test_a_silent_worker_loses_its_steps_after_twelve_seconds_and_is_told(
    workshop: Workshop, anvil: Anvil
) -> None:
    run = workshop.start()
    working = workshop.work()
    context = anvil.wait()
    heir = workshop.beside()
    heir.tick(11 * SECOND)
    assert workshop.branch(run).status is StepStatus.RUNNING
    heir.tick(4 * SECOND)
    assert workshop.branch(run).losses == 1
    workshop.keeper.tick()
    assert context.cancelled
    working.join(5)
    anvil.free.set()
    heir.work().join(5)
    assert workshop.status(run) is RunStatus.COMPLETED


def test_silence_is_seen_by_several_of_whom_none_lives_long(
    workshop: Workshop, anvil: Anvil
) -> None:
    """Where workers die every few seconds, nobody sees twelve seconds of silence himself."""
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    for _ in range(2):
        workshop.beside().tick(5 * SECOND)
    assert workshop.branch(run).status is StepStatus.RUNNING
    workshop.beside().tick(5 * SECOND)
    assert workshop.branch(run).losses == 1
    anvil.free.set()
    working.join(5)


def test_a_clock_that_is_set_makes_nobody_silent(workshop: Workshop, anvil: Anvil) -> None:
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    heir = workshop.beside()
    heir.tick(4 * SECOND)
    workshop.clock.jump(HOUR)
    for _ in range(8):
        heir.tick(SECOND)
        workshop.keeper.tick()
    assert workshop.branch(run).losses == 0
    anvil.free.set()
    working.join(5)


def test_a_pause_of_the_whole_machine_costs_nobody_anything(
    workshop: Workshop, anvil: Anvil
) -> None:
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    heir = workshop.beside()
    heir.tick(4 * SECOND)
    workshop.clock.advance(HOUR)
    for _ in range(4):
        heir.tick(2 * SECOND)
        workshop.keeper.tick()
    assert workshop.branch(run).losses == 0
    anvil.free.set()
    working.join()


def test_a_clock_that_is_set_moves_every_timer(
    workshop: Workshop, anvil: Anvil, caplog: pytest.LogCaptureFixture
) -> None:
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    workshop.tick(2 * SECOND)
    before = workshop.branch(run).due_at
    workshop.clock.jump(HOUR)
    workshop.tick(2 * SECOND)
    after = workshop.branch(run).due_at
    assert before is not None
    assert after is not None
    assert after - before == HOUR
    assert workshop.branch(run).status is StepStatus.RUNNING
    assert "clock was set" in caplog.text
    anvil.free.set()
    working.join()


def test_nobody_sweeps_twice_within_the_period(workshop: Workshop) -> None:
    workshop.sweeper.sweep()
    assert not workshop.sweeper.is_due(2 * SECOND)
    workshop.clock.advance(2 * SECOND)
    assert workshop.sweeper.is_due(2 * SECOND)
