"""The part of an examination that looks at the store and its disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from orchestration.clock import SystemClock
from orchestration.definitions import App
from orchestration.doctor import clocks, disk, fleet
from orchestration.doctor.clocks import Reading
from orchestration.doctor.disk import Mount
from orchestration.doctor.finding import Finding
from orchestration.doctor.fleet import Facts
from orchestration.ports import Session
from orchestration.settings import Settings
from orchestration.state import RunStatus
from orchestration.store import agents, dead_letters, runs, steps, workers
from orchestration.store.connect import Opened
from orchestration.store.workers import WorkerRow

RECENT = timedelta(hours=1)
MOVING = [each for each in RunStatus if not each.ended and each is not RunStatus.PAUSED]
MOST_LETTERS, MOST_RUNS = 1_000, 200
SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Look:
    """The live workers at one moment."""

    workers: dict[str, WorkerRow]
    at: datetime


class Holdings:
    """An open store under examination; its workers are looked at twice.

    Args:
        opened: The store.
        settings: The settings.
    """

    def __init__(self, opened: Opened, settings: Settings) -> None:
        self._opened = opened
        self._settings = settings
        self._clock = opened.store.clock
        self._first = self._look()

    def examine(self, app: App | None) -> list[Finding]:
        """The findings about the store, and about the fleet that it knows.

        Args:
            app: The fleet as it is declared; None: it cannot be loaded.
        """
        read = self._opened.store.read
        second = self._look()
        found = [*self._place(second), *self._clocks(second)]
        if app is not None:
            found += read(lambda s: self._fleet(s, app, list(second.workers.values())))
        recent = self._clock.now() - RECENT
        letters = read(lambda s: dead_letters.newest(s, MOST_LETTERS))
        return [*found, fleet.dead_letters([each for each in letters if each.received_at > recent])]

    def _fleet(self, session: Session, app: App, present: Sequence[WorkerRow]) -> list[Finding]:
        outside = self._settings.outside_agents
        alone = self._settings.broker_url is None
        everyone = agents.everyone(session)
        beats = {row.name: row.last_heartbeat for row in everyone}
        cared_for = {row.scope for row in present}
        open_runs = runs.newest(session, MOST_RUNS, MOVING)
        facts = Facts(
            app=app,
            runs=[
                (run, steps.of_run(session, run.id)) for run in open_runs if run.id not in cared_for
            ],
            live=[row for row in present if not row.draining and row.scope is None],
            outside=outside,
            start="orchestrate serve" if alone else f"dramatiq {self._settings.app}",
            alone=alone,
        )
        found = [*fleet.workers(facts), *fleet.actions(facts), *fleet.held_back(everyone)]
        return found + (fleet.outside_agents(outside, beats) if outside else [])

    def _place(self, look: Look) -> list[Finding]:
        url = self._settings.store_url
        if not url.startswith(SQLITE):
            return []
        path = Path(url.removeprefix(SQLITE)).resolve()
        usage = psutil.disk_usage(str(path.parent))
        log = path.with_name(path.name + "-wal")
        mounts = [Mount(Path(p.mountpoint), p.fstype) for p in psutil.disk_partitions(all=True)]
        return [
            disk.machines(row.host for row in look.workers.values()),
            disk.file_system(path, mounts),
            disk.space(path, usage.free, usage.total),
            disk.wal(path, log.stat().st_size if log.exists() else 0),
        ]

    def _clocks(self, second: Look) -> list[Finding]:
        if not self._settings.store_url.startswith(SQLITE):
            return clocks.skew([self._server_clock()])  # workers' beats are by this one, too
        first = self._first
        return clocks.skew(clocks.beats(first.workers, second.workers, first.at, second.at))

    def _server_clock(self) -> Reading:
        sql = "SELECT EXTRACT(EPOCH FROM clock_timestamp())"
        machine = SystemClock()
        earliest = machine.now()
        row = self._opened.store.read(lambda s: s.one(sql))
        at = datetime.fromtimestamp(float(row[0]) if row else 0, UTC)
        return Reading("the PostgreSQL server", at, earliest, machine.now())

    def _look(self) -> Look:
        present = self._opened.store.read(workers.present)
        is_free: Callable[[str], bool] = self._opened.locks.is_free
        return Look({row.id: row for row in present if not is_free(row.id)}, self._clock.now())
