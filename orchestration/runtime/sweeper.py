"""The sweeper: timers, dead workers and old runs; any number of processes may sweep."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from orchestration.engine import Engine
from orchestration.engine.sweep import is_jump
from orchestration.errors import StoreError
from orchestration.liveness import MISSED_AFTER_S, SILENT_AFTER_S, Observer
from orchestration.ports import Locks
from orchestration.store import control, steps, stops, workers
from orchestration.store.presence import FileLocks
from orchestration.store.workers import WorkerRow
from orchestration.text import counted

log = logging.getLogger(__name__)

COUNTING_S = 0.25
NOTED_FROM_S = 3.0  # more than the time between two beats
NOTED_EVERY_S = 1.5  # less than the time between two looks


class Sweeper:
    """Fires timers, takes over from dead and silent workers, and counts events.

    Args:
        engine: Where the sweeper writes.
        locks: Proof of death.
        proof: Quicker proof for processes of this machine, where that of the locks needs time.
    """

    def __init__(self, engine: Engine, locks: Locks, proof: FileLocks | None = None) -> None:
        self._proof = proof
        self._engine = engine
        self._locks = locks
        self._observer = Observer()
        self._clock_offset = engine.clock.offset

    def is_due(self, period: timedelta) -> bool:
        """Whether no process has swept for so long; a clock that was set back hides nothing."""
        swept_at = self._engine.store.read(control.swept_at)
        return abs(self._engine.clock.now().timestamp() - swept_at) >= period.total_seconds()

    def sweep(self) -> None:
        """Do everything that is due."""
        self._engine.commit(lambda tx: control.mark_swept(tx.session, tx.now))
        if not self.follow_clock():
            self.fire_timers()
            self.stop_work()
            self._engine.refill()
        self.count()

    def count(self) -> None:
        """Count events for the metrics: all of them, or as many as `COUNTING_S` allows."""
        clock = self._engine.clock
        end = clock.monotonic() + COUNTING_S
        while self._engine.count_events() and clock.monotonic() < end:
            pass

    def follow_clock(self) -> bool:
        """Shift every timer if this machine's clock was set; return whether it was."""
        before, self._clock_offset = self._clock_offset, self._engine.clock.offset
        if not is_jump(before, self._clock_offset):
            return False
        self._engine.follow_clock()
        log.warning("this machine's clock was set: timers were moved with it")
        return True

    def fire_timers(self) -> None:
        """Fire the timers that are due; costs one read when there are none."""
        if self.follow_clock():
            return
        now, scope = self._engine.clock.now(), self._engine.rules.scope
        if self._engine.store.read(lambda s: steps.is_any_due(s, now, scope)):
            self._engine.fire_timers()

    def stop_work(self) -> None:
        """Cancel the work that an emergency stop has left; costs one read when no stop holds."""
        if self._engine.store.read(stops.is_stopped):
            self._engine.clear_stopped()

    def bury(self) -> None:
        """Take over from workers that are dead, and from those that are silent.

        Only an observer that looks often sees silence: every worker looks at each of its beats, and
        notes what it has seen for those that will look when it is dead. Where a free lock alone
        proves no death, it lets silence count sooner: an attempt is lost then, but no undo begins
        before the proof.
        """
        me = self._engine.rules.me
        if not self._locks.holds(me):
            self._locks.hold(me)
        present = self._engine.store.read(workers.present)
        others = {row.id: row for row in present if row.id != me}
        free, still_s = self._free(others), self._observer.still_s
        beats = {row.id: row.beat for row in others.values()}
        told = {row.id: row.still_s for row in others.values()}
        silent = self._observer.look(beats, self._engine.clock.monotonic(), told)
        dead = {worker for worker in free if still_s(worker) >= self._locks.proof_s}
        if self._proof is not None:
            dead |= set(filter(self._proof.shows_death, free))
        for worker in sorted(dead):
            self._took_over(others[worker], "died", self._engine.take_over_dead(others[worker]))
        silent |= {worker for worker in free if still_s(worker) >= MISSED_AFTER_S}
        for worker in sorted(silent - dead):
            look = partial(steps.owned_by, owner=worker, scope=self._engine.rules.scope)
            if self._engine.store.read(look):
                row = others[worker]
                self._took_over(row, "fell silent", self._engine.take_over_silent(row))
        self._note(row for row in others.values() if row.id not in dead)

    def _note(self, others: Iterable[WorkerRow]) -> None:
        """Note for how long workers have missed beats, until they are silent; as well as can be."""
        seen = [(row, self._observer.silent_s(row.id)) for row in others]
        fresh = [
            (row, silent_s)
            for row, silent_s in seen
            if silent_s >= max(NOTED_FROM_S, row.still_s + NOTED_EVERY_S)
            and row.still_s < SILENT_AFTER_S
        ]
        if fresh:
            with suppress(StoreError):  # it only helps whoever begins to watch later
                self._engine.note_still(fresh)

    def dead(self) -> frozenset[str]:
        """Present workers that are beyond doubt dead: within a scope they are still listed."""
        present = self._engine.store.read(workers.present)
        return self._free(row.id for row in present if row.id != self._engine.rules.me)

    def sign_off_dead(self) -> None:
        """Record that workers proved dead have left; not where a proof needs time.

        For a process that is no worker, and so cannot watch beats: see `bury`.
        """
        if self._locks.proof_s:
            return
        dead = self.dead()
        for worker in self._engine.store.read(workers.present):
            if worker.id in dead:
                self._took_over(worker, "died", self._engine.take_over_dead(worker))

    def _free(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(name for name in names if self._locks.is_free(name))

    def _took_over(self, worker: WorkerRow, how: str, count: int) -> None:
        if count:
            who = f"{worker.host}:{worker.pid}"
            log.warning("worker %s %s: took over %s", who, how, counted(count, "step"))
