"""A run whose beginning may have been written, and of which nobody was told."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

import pytest
from typing_extensions import override

from orchestration.engine import By
from orchestration.engine.fork import Edits, Fork, propose
from orchestration.engine.submit import prepare
from orchestration.errors import InDoubtError, StoreError
from orchestration.ports import Session
from orchestration.runtime.schedule import Timetable
from orchestration.store import schedules
from orchestration.store.schedules import ScheduleRow
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.engine.fleet import Fleet, app_of, step, workflow

T = TypeVar("T")
ANN = By("ann")
RUN_HEX = "f" * 12


class DoubtfulStore(MemoryStore):
    """A store that tells nobody what came of its next writes.

    Attributes:
        written: For each of them, whether it is made, or the error that comes instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bool | StoreError] = []

    @override
    def write(self, operation: Callable[[Session], T]) -> T:
        if not self.written:
            return super().write(operation)
        what = self.written.pop(0)
        if isinstance(what, StoreError):
            raise what
        if what:
            super().write(operation)
        raise InDoubtError("the answer was lost")


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
        proposal: Fork = fleet.read(
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


def test_where_nothing_was_decided_a_run_that_may_have_begun_has_no_name(
    fleet: Fleet, store: DoubtfulStore
) -> None:
    store.written = [False, StoreError("away")]
    with pytest.raises(InDoubtError, match="the run may have begun"):
        fleet.start("chain")


def test_what_was_never_written_is_not_in_doubt(fleet: Fleet, store: DoubtfulStore) -> None:
    store.written = [StoreError("away")]
    with pytest.raises(StoreError, match="away") as caught:
        fleet.start("chain")
    assert not isinstance(caught.value, InDoubtError)
    assert fleet.rows("runs") == 0
