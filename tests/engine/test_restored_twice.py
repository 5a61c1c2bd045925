"""The same backup is put back twice: nothing of the life between is taken for a thing of now."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestration.engine import By
from orchestration.engine.emergency import answered
from orchestration.engine.outside import answer
from orchestration.errors import StateError
from orchestration.ports import Store
from orchestration.state import StepStatus
from orchestration.store import backup, control, events, outbox, restoration, revival, stops
from orchestration.store.presence import MemoryLocks
from orchestration.store.revival import Replaced
from orchestration.store.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, Fleet, app_of, step, workflow
from tests.engine.test_strangers import said

BY = By("ann", "the disk broke")
OUTSIDE = frozenset({"stranger"})
app = app_of(
    workflow("one", step("a")),
    workflow("asks", step("a", approval=HOUR)),
    workflow("told", step("a", agent="stranger"), step("b", "a", agent="stranger")),
)


class Disk:
    """A store in a file, and one backup of it."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.live, self.saved = path / "live.db", path / "backup"
        self.clock = clock
        self.fleet = self.opened()

    def opened(self) -> Fleet:
        fleet = Fleet(SqliteStore(self.live), self.clock, app)
        fleet.client = fleet.engine("client", outside=OUTSIDE, offers=frozenset())
        return fleet

    def save(self) -> None:
        backup.save_sqlite(self.live, self.saved, self.clock.now())

    def put_back(self) -> Fleet:
        self.clock.advance(timedelta(seconds=1))
        replaced = self.fleet.read(revival.look)
        self.fleet.store.close()

        def revive(store: Store) -> None:
            Fleet(store, self.clock, app).client.revive("another", "there", BY, replaced)

        with restoration.prepared(self.saved, self.live.parent, revive) as (draft, _):
            restoration.put(draft, MemoryLocks(), self.live, replace=True)
        self.fleet = self.opened()
        return self.fleet


@pytest.fixture
def disk(quick_path: Path, clock: FakeClock) -> Any:
    disk = Disk(quick_path, clock)
    yield disk
    disk.fleet.store.close()


def test_what_was_answered_or_shown_in_between_changes_nothing(disk: Disk) -> None:
    told, asks = disk.fleet.start("told"), disk.fleet.start("asks")
    disk.save()
    fleet = disk.put_back()
    for run_id in (told, asks):
        fleet.client.resume(run_id)
    fleet.client.refill()
    named = f"{told}:a:{fleet.row(told, 'a').attempt}"
    shown = fleet.client.shown(asks, "a")
    fleet = disk.put_back()
    for run_id in (told, asks):
        fleet.client.resume(run_id)
    fleet.client.refill()
    late = said("stranger", "response", command_id=named, status="completed", result={})
    fleet.client.commit(lambda tx: answer(tx, late))
    assert fleet.steps(told)["a"] is StepStatus.RUNNING
    with pytest.raises(StateError, match="look again"):
        fleet.client.approve(asks, "a", shown, BY)


def test_no_attempt_is_given_twice_however_many_there_were(disk: Disk) -> None:
    disk.fleet.start("told")
    disk.save()
    first = disk.put_back().read(control.life)
    disk.fleet.store.write(lambda s: s.run("UPDATE steps SET attempt = attempt + 1000"))
    assert disk.put_back().read(control.life) > first + 1000


def test_numbers_of_events_and_messages_go_on_from_where_none_has_been(disk: Disk) -> None:
    run_id = disk.fleet.start("one", requester="asker")
    disk.save()
    seen, ids = set[int](), set[tuple[int, int]]()
    for _ in range(3):
        disk.fleet.client.cancel(run_id)
        rows = disk.fleet.read(lambda s: outbox.first_of(s, "asker", 9))
        assert not ids & {(row.id, row.version) for row in rows}
        ids |= {(row.id, row.version) for row in rows}
        last = disk.fleet.read(events.last_id)
        assert last > max(seen, default=0)
        seen.add(last)
        fleet = disk.put_back()
        assert fleet.read(partial(events.after, last=last, limit=9)), "a stream goes on"


def test_a_stop_that_holds_is_not_lifted(disk: Disk) -> None:
    disk.fleet.start("one")
    disk.save()
    disk.fleet.client.stop_everything(By("ann", "prices are wrong"))
    fleet = disk.put_back()
    stop = fleet.read(stops.latest)
    assert fleet.read(stops.is_stopped)
    assert stop is not None
    assert (stop.actor, stop.reason) == ("ann", "prices are wrong")


def test_an_answer_to_a_stop_of_before_acknowledges_none_of_now(disk: Disk) -> None:
    disk.save()
    disk.fleet.store.write(lambda s: control.set_transport(s, "rabbit@x"))
    epoch = disk.fleet.client.stop_everything(BY)
    disk.fleet.client.release(BY)
    fleet = disk.put_back()
    fleet.store.write(lambda s: control.set_transport(s, "rabbit@x"))
    assert fleet.client.stop_everything(BY) == epoch

    def acknowledges(store_id: str) -> bool:
        named = f"stop:{store_id}:{epoch}:stranger"
        fleet.client.commit(lambda tx: answered(tx, said("stranger", "response", command_id=named)))
        (found,) = fleet.read(lambda s: stops.answers(s, epoch))
        return found.answered_at is not None

    assert not acknowledges("tests")
    assert acknowledges("another")


def test_what_is_known_of_no_store_is_nothing(disk: Disk) -> None:
    assert disk.fleet.read(revival.look) == Replaced()
