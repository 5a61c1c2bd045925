"""Parts of the product that tell the simulation what they do, and never end the test's process."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from orchestration.engine import Claim, Command, Engine, Key
from orchestration.engine.claim import TakeOn
from orchestration.engine.transaction import Transaction
from orchestration.engine.yields import NOTHING, Yield
from orchestration.ports import Dispatch
from orchestration.runtime.keeper import Keeper
from orchestration.runtime.schedule import Timetable
from orchestration.store.schedules import ScheduleRow
from orchestration.store.workers import NewWorker, WorkerRow
from tests.simulation.faults import CrashError

if TYPE_CHECKING:
    from tests.simulation.ground import Ground
    from tests.simulation.process import Process

OFTEN = 0.3


class WatchedEngine(Engine):
    """The engine, which passes the outcomes that it is told on to the simulation."""

    world: "Ground"
    process: "Process"

    @override
    def claim(self, message: Dispatch) -> Claim | None:
        held_up = self.world.is_held_up(message.run_id)
        self.process.decided.discard(message)
        claim = super().claim(message)
        self.world.insist(claim is None or not held_up, "no claim after a stop")
        self.process.decided.add(message)
        return claim

    @override
    def complete(
        self,
        key: Key,
        attempt: int,
        value: Any,
        also: Yield = NOTHING,
        take_on: TakeOn | None = None,
    ) -> bool:
        held_up = self.world.is_held_up(key[0])
        found: list[Claim | None] = [None]

        def taken(claim: Claim | None) -> None:
            found[0] = claim
            if take_on is not None:
                take_on(claim)

        listener: TakeOn | None = None if take_on is None else taken
        known = not self.process.ghost or self.world.is_completed(key)
        try:
            done = super().complete(key, attempt, value, also, listener)
        except CrashError:
            if self.world.is_completed(key, attempt):  # the process died after the commit
                self.world.accepted(key, attempt)
            raise
        self.world.insist(known or not done, "what is from before a restore changes nothing")
        if done:
            self.world.accepted(key, attempt)
        self.world.insist(not (done and found[0] and held_up), "no claim after a stop")
        return done

    @override
    def take_over_dead(self, worker: WorkerRow) -> int:
        self.world.insist(self.world.by_name[worker.id].dead, "nobody is dead who lives")
        return super().take_over_dead(worker)

    @override
    def take_over_silent(self, worker: WorkerRow) -> int:
        count = super().take_over_silent(worker)
        if count:
            self.world.check_silence(self.world.by_name[worker.id])
        return count

    @override
    def beat(self, worker: NewWorker, *more: Any) -> bool:
        found = super().beat(worker, *more)
        self.world.insist(not (found and self.process.ghost), "a ghost is told to end")
        self.process.beaten_at = self.world.awake_s
        return found


class WatchedTimetable(Timetable):
    """A timetable that tells for which time a run is started, even if the start then fails."""

    process: "Process"

    @override
    def _fire(self, row: ScheduleRow, now: datetime) -> str | None:
        self.process.meanwhile(OFTEN)  # another scheduler has found the same
        return super()._fire(row, now)

    @override
    def _start(
        self, tx: Transaction, row: ScheduleRow, following: datetime | None, command: Command | None
    ) -> str | None:
        run_id = super()._start(tx, row, following, command)
        if run_id is not None:
            self.process.world.witness.scheduled[run_id] = row.next_at
        return run_id


class SimulatedKeeper(Keeper):
    """A keeper that does not end the process, which is the test's."""

    asked_to_end = False

    @override
    def _end(self, reason: str, _level: int = logging.ERROR) -> None:
        self._reason, self.asked_to_end = reason, True
