"""A run whose beginning may have been written, and of which nobody was told."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import TypeVar

import pytest
from typing_extensions import override

from orchestration.engine import By
from orchestration.engine.fork import Edits, Proposal, propose
from orchestration.engine.submit import prepare
from orchestration.errors import InDoubtError, StoreError
from orchestration.ports import Session
from orchestration.runtime.schedule import Timetable
from orchestration.store import schedules
from orchestration.store.schedules import ScheduleRow
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, SECOND, Fleet, app_of, step, workflow

T = TypeVar("T")
ANN = By("ann")
RUN_HEX = "f" * 12


class UndoneError(Exception):
    """What was written is not kept."""


class DoubtfulStore(MemoryStore):
    """A store that tells nobody what came of its next writes.

    Attributes:
        written: For each of them, whether it is made, or the error that comes instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bool | StoreError] = []
        self.meanwhile: Callable[[], object] = lambda: None

    @override
    def write(self, operation: Callable[[Session], T]) -> T:
        if not self.written:
            return super().write(operation)
        what = self.written.pop(0)
        if isinstance(what, StoreError):
            raise what
        if what:
            super().write(operation)
        else:
            self._undo(operation)
            self.meanwhile()
        raise InDoubtError("the answer was lost")

    def _undo(self, operation: Callable[[Session], T]) -> None:
        def undone(session: Session) -> None:
            operation(session)
            raise UndoneError

        with suppress(UndoneError):
            super().write(undone)


@pytest.fixture
def store() -> Iterator[DoubtfulStore]:
    with closing(DoubtfulStore()) as opened:
        yield opened


@pytest.fixture
def fleet(store: DoubtfulStore, clock: FakeClock) -> Fleet:
    return Fleet(store, clock, app_of(workflow("chain", step("first"), step("second", "first"))))


@pytest.mark.parametrize("written", [True, False])
class TestOnce:
    def test_a_start_begins_one_run(
        self, fleet: Fleet, store: DoubtfulStore, *, written: bool
    ) -> None:
        store.written = [written]
        run_id = fleet.start("chain")
        assert fleet.exists(run_id)
        assert fleet.rows("runs") == 1
        assert fleet.events(run_id).count("run.pending") == 1

    def test_a_fork_begins_one_run(
        self, fleet: Fleet, store: DoubtfulStore, *, written: bool
    ) -> None:
        old = fleet.start("chain")
        fleet.client.cancel(old)
        proposal: Proposal = fleet.read(
            lambda s: propose(s, fleet.app, old, Edits(), sender="tests", run_hex=RUN_HEX)
        )
        store.written = [written]
        assert fleet.client.fork(proposal, ANN) == f"chain_{RUN_HEX}"
        assert fleet.rows("runs") == 2
        assert fleet.events(old).count("run.forked") == 1

    def test_a_start_whose_id_was_taken_begins_one_run(
        self, fleet: Fleet, store: DoubtfulStore, *, written: bool
    ) -> None:
        command = prepare(fleet.app, "chain", {}, sender="tests", run_hex="0" * 12)
        first = fleet.client.submit(command)
        store.written = [written]
        assert fleet.client.submit(command) == "chain_000000000001" != first
        assert fleet.rows("runs") == 2

    def test_a_trigger_begins_one_run(
        self, fleet: Fleet, store: DoubtfulStore, *, written: bool
    ) -> None:
        now = fleet.clock.now()
        row = ScheduleRow(
            *("daily", "chain", "{}", "0 6 * * *", "UTC", "allow"),
            paused=False,
            next_at=now,
            last_run=None,
            created_at=now,
        )
        store.write(lambda s: schedules.insert(s, row))
        store.written = [written]
        run_id = Timetable(fleet.client, fleet.app).trigger("daily", ANN)
        assert fleet.exists(run_id)
        assert fleet.rows("runs") == 1


def test_where_nobody_can_look_the_run_that_may_have_begun_is_named(
    fleet: Fleet, store: DoubtfulStore
) -> None:
    store.written = [True, StoreError("away")]
    with pytest.raises(InDoubtError, match="chain_1 may have begun: look for it first"):
        fleet.start("chain")
    assert fleet.rows("runs") == 1


def test_what_has_got_the_id_meanwhile_is_another_run(fleet: Fleet, store: DoubtfulStore) -> None:
    def another() -> None:
        fleet.clock.advance(SECOND)
        bob = prepare(fleet.app, "chain", {}, sender="bob", run_hex="0" * 12)
        assert fleet.client.submit(bob) == "chain_000000000000"

    command = prepare(fleet.app, "chain", {}, sender="ann", run_hex="0" * 12)
    store.written, store.meanwhile = [False], another
    assert fleet.client.submit(command) == "chain_000000000001"
    assert fleet.rows("runs") == 2


def test_whoever_is_in_doubt_twice_is_told_of_the_last_id(
    fleet: Fleet, store: DoubtfulStore
) -> None:
    command = prepare(fleet.app, "chain", {}, sender="ann", run_hex="0" * 12)
    first = fleet.client.submit(replace(command, sender="bob"))
    fleet.client.cancel(first)
    fleet.clock.advance(2 * HOUR)

    def forget() -> None:
        fleet.client.forget(HOUR, 0)
        store.written = [True]

    store.written, store.meanwhile = [False], forget
    with pytest.raises(InDoubtError, match="chain_000000000000 may have begun"):
        fleet.client.submit(command)


def test_what_was_never_written_is_not_in_doubt(fleet: Fleet, store: DoubtfulStore) -> None:
    store.written = [StoreError("away")]
    with pytest.raises(StoreError, match="away") as caught:
        fleet.start("chain")
    assert not isinstance(caught.value, InDoubtError)
    assert fleet.rows("runs") == 0
