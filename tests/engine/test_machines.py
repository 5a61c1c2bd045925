"""Machines that share a server, and have different times of day."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta

import pytest

from orchestration.clock import SystemClock
from orchestration.engine.by import By
from orchestration.runtime.schedule import Timetable
from orchestration.state import StepStatus
from orchestration.store import runs, schedules
from orchestration.store.postgres import PostgresStore
from orchestration.store.schedules import ScheduleRow
from orchestration.store.server_clock import ServerClock
from tests import databases
from tests.engine.fleet import HOUR, MINUTE, Fleet, app_of, step, workflow

pytestmark = pytest.mark.postgres

AHEAD, BEHIND = 10 * MINUTE, -10 * MINUTE
CLOSE = timedelta(seconds=5)
S = StepStatus


class Machine(SystemClock):
    """A machine whose time of day is wrong."""

    def __init__(self, wrong: timedelta) -> None:
        self.wrong = wrong

    def now(self) -> datetime:
        return super().now() + self.wrong

    @property
    def offset(self) -> float:
        return super().offset + self.wrong.total_seconds()


MakeFleet = Callable[[Machine], Fleet]


@pytest.fixture
def fleet_at(shared_schema: str) -> Iterator[MakeFleet]:
    """The same fleet as it is seen from a machine."""
    with ExitStack() as opened:

        def make(machine: Machine) -> Fleet:
            store = opened.enter_context(closing(PostgresStore(shared_schema)))
            store.clock = ServerClock(machine)
            app = app_of(workflow("slow", step("first", timeout=5 * MINUTE)))
            return Fleet(store, store.clock, app)  # type: ignore[arg-type]

        databases.emptied(PostgresStore(shared_schema)).close()
        yield make


def test_nobody_fires_or_moves_the_timers_of_others(fleet_at: MakeFleet) -> None:
    early, late = fleet_at(Machine(AHEAD)), fleet_at(Machine(BEHIND))
    run_id = late.start("slow")
    late.worker().take()
    due_at = late.row(run_id, "first").due_at
    assert due_at is not None
    assert abs(due_at - SystemClock().now() - 5 * MINUTE) < CLOSE
    for each in (early, late, early):
        assert not each.client.follow_clock()
        assert each.client.fire_timers() == 0
    assert late.row(run_id, "first").due_at == due_at
    assert late.row(run_id, "first").status is S.RUNNING


def test_what_one_writes_is_now_for_all(fleet_at: MakeFleet) -> None:
    early, late = fleet_at(Machine(AHEAD)), fleet_at(Machine(BEHIND))
    for each in (early, late):
        run_id = each.start("slow")
        began = each.read(lambda s, r=run_id: runs.get(s, r).created_at)  # type: ignore[misc]
        assert abs(began - SystemClock().now()) < CLOSE


def test_a_machine_that_is_set_moves_no_timer(fleet_at: MakeFleet) -> None:
    machine = Machine(timedelta())
    fleet = fleet_at(machine)
    run_id = fleet.start("slow")
    fleet.worker().take()
    due_at = fleet.row(run_id, "first").due_at
    for wrong in (5 * HOUR, -5 * HOUR):
        machine.wrong = wrong
        assert not fleet.client.follow_clock()
        assert fleet.client.fire_timers() == 0
    assert fleet.row(run_id, "first").due_at == due_at


def test_a_schedule_starts_at_its_time_by_whoever_looks(fleet_at: MakeFleet) -> None:
    early, late = fleet_at(Machine(AHEAD)), fleet_at(Machine(BEHIND))
    now = SystemClock().now()

    def schedule(name: str, at: datetime) -> ScheduleRow:
        return ScheduleRow(
            *(name, "slow", "{}", "0 6 * * *", "UTC", "allow"),
            paused=False,
            next_at=at,
            last_run=None,
            created_at=now,
        )

    for row in (schedule("soon", now + 5 * MINUTE), schedule("due", now - MINUTE)):
        early.store.write(lambda s, r=row: schedules.insert(s, r))  # type: ignore[misc]
    assert len(Timetable(late.client, late.app).fire()) == 1
    assert Timetable(early.client, early.app).fire() == []
    assert Timetable(early.client, early.app).trigger("soon", By("ann"))
