"""Where a free lock alone proves no death: locks of a session that may end before its process."""

from datetime import timedelta
from pathlib import Path

import pytest

from orchestration.errors import StoreError
from orchestration.liveness import LATE_AFTER_S, MISSED_AFTER_S, SILENT_AFTER_S
from orchestration.runtime.election import Election
from orchestration.runtime.sweeper import Sweeper
from orchestration.state import StepStatus
from orchestration.store import attempts, workers
from orchestration.store.presence import FileLocks, MemoryLocks
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.integration.workshop import Anvil, Workshop

SECOND = timedelta(seconds=1)


class SessionLocks(MemoryLocks):
    """Locks that can be free though their holder lives."""

    proof_s = SILENT_AFTER_S
    away = False

    def lose(self, *names: str) -> None:
        """As when the server is restarted."""
        self._held.difference_update(names)

    def release(self, name: str) -> None:
        if self.away:
            raise StoreError("the server is away")
        super().release(name)


@pytest.fixture
def locks() -> SessionLocks:
    return SessionLocks()


@pytest.fixture
def workshop(anvil: Anvil, clock: FakeClock, memory: MemoryStore, locks: SessionLocks) -> Workshop:
    return Workshop(anvil.app, clock, memory, locks)


def pass_time(clock: FakeClock, seconds: float, *who: Workshop) -> None:
    """Let time go by; only these beat and look."""
    for _ in range(int(seconds)):
        clock.advance(SECOND)
        for each in who:
            each.keeper.tick()


def is_present(workshop: Workshop) -> bool:
    present = workshop.store.read(workers.present)
    return workshop.me in [row.id for row in present]


def test_a_live_worker_whose_lock_was_lost_takes_it_again_at_its_next_beat(
    workshop: Workshop, clock: FakeClock, locks: SessionLocks
) -> None:
    other = workshop.beside()
    pass_time(clock, 20, workshop, other)
    locks.lose(workshop.me, other.me)
    other.sweeper.bury()
    assert is_present(workshop), "its lock is free, but it has just beaten"
    pass_time(clock, 3, workshop, other)
    assert (locks.is_free(workshop.me), locks.is_free(other.me)) == (False, False)


def test_who_just_came_takes_nobody_for_dead(workshop: Workshop, locks: SessionLocks) -> None:
    locks.lose(workshop.me)
    workshop.beside().sweeper.bury()
    assert is_present(workshop)


def test_a_dead_worker_is_buried_once_its_beat_has_stood_still_for_long_enough(
    workshop: Workshop, clock: FakeClock, locks: SessionLocks
) -> None:
    other = workshop.beside()
    locks.lose(workshop.me)
    pass_time(clock, SILENT_AFTER_S, other)
    assert is_present(workshop)
    pass_time(clock, 4, other)
    assert not is_present(workshop)


def test_a_death_on_this_machine_is_proven_at_once_by_its_file(
    workshop: Workshop, locks: SessionLocks, tmp_path: Path
) -> None:
    other = workshop.beside()
    proof = FileLocks(tmp_path)
    sweeper = Sweeper(other.engine, locks, proof)
    locks.lose(workshop.me)
    sweeper.bury()
    assert is_present(workshop), "it never locked a file here"
    (tmp_path / f"{workshop.me}.lock").touch()
    sweeper.bury()
    assert not is_present(workshop)


def test_who_holds_his_file_lives_though_his_session_was_lost(
    workshop: Workshop, locks: SessionLocks, tmp_path: Path
) -> None:
    proof = FileLocks(tmp_path)
    proof.hold(workshop.me)
    locks.lose(workshop.me)
    Sweeper(workshop.beside().engine, locks, proof).bury()
    assert is_present(workshop)
    proof.release(workshop.me)


def test_an_attempt_is_lost_before_the_death_is_proven_but_counts_as_acting_until_then(
    workshop: Workshop, clock: FakeClock, locks: SessionLocks, anvil: Anvil
) -> None:
    other = workshop.beside()
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    locks.lose(workshop.me)
    pass_time(clock, MISSED_AFTER_S + 3, other)
    branch = workshop.branch(run)
    assert (branch.status, branch.losses) == (StepStatus.QUEUED, 1)
    assert workshop.store.read(lambda s: attempts.acting(s, run)), "so nothing is undone yet"
    pass_time(clock, SILENT_AFTER_S, other)
    assert workshop.store.read(lambda s: attempts.acting(s, run)) == []
    anvil.free.set()
    working.join()


def test_a_lock_that_is_held_keeps_a_silent_worker_from_being_dead(
    workshop: Workshop, clock: FakeClock
) -> None:
    other = workshop.beside()
    pass_time(clock, 60, other)
    assert is_present(workshop)


def test_an_observer_whose_looks_come_late_buries_nobody(
    workshop: Workshop, clock: FakeClock, locks: SessionLocks
) -> None:
    other = workshop.beside()
    locks.lose(workshop.me)
    for _ in range(10):
        clock.advance((LATE_AFTER_S + 1) * SECOND)
        other.sweeper.bury()
    assert is_present(workshop)


def test_an_office_that_was_lost_goes_to_whoever_asks_first(locks: SessionLocks) -> None:
    ours, theirs = Election(locks, "clerk"), Election(locks, "clerk")
    assert (ours.won(), theirs.won()) == (True, False)
    assert ours.won(), "once won it is ours"
    locks.lose("clerk")
    assert not ours.stands
    assert ours.won()


def test_of_several_offices_each_candidate_has_one(locks: SessionLocks) -> None:
    candidates = [Election(locks, "clerk", "porter") for _ in range(3)]
    assert [each.won() for each in candidates] == [True, True, False]
    candidates[0].resign()
    candidates[0].resign()
    assert candidates[2].won()


def test_who_cannot_say_that_it_resigns_has_resigned(locks: SessionLocks) -> None:
    office = Election(locks, "clerk")
    assert office.won()
    locks.away = True
    office.resign()
    assert not office.stands
