"""The keeper: one thread per worker that beats, writes progress, and sweeps if no other does."""

import logging
import math
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import psutil

from orchestration.engine import Engine
from orchestration.errors import StoreError
from orchestration.runtime import stacks
from orchestration.runtime.frame import Frame
from orchestration.runtime.rounds import Rounds
from orchestration.runtime.sweeper import Sweeper
from orchestration.store import migrate, steps, stops, workers
from orchestration.store.workers import NewWorker

log = logging.getLogger(__name__)

TICK_S = 0.1
TIMERS_EVERY_S = 0.5
BEAT_EVERY_S = 2.0
STOP_EVERY_S = 0.25
LONGEST_END_S = 20.0
EXIT_HUNG = 1
SWEEP_WHEN_NONE_FOR = timedelta(seconds=2)


class Keeper:
    """Keeps one worker process and its rows in the store in agreement.

    Args:
        engine: Where it beats and sweeps.
        frame: The attempts that run here.
        sweeper: Sweeps when no other process does.
        worker: How this worker is registered.
        heartbeat: How often its agents' heartbeats are written.
        watch: Asked at every beat: why this process must end, or None.
    """

    def __init__(
        self,
        engine: Engine,
        frame: Frame,
        sweeper: Sweeper,
        worker: NewWorker,
        heartbeat: timedelta,
        watch: Callable[[], str | None],
    ) -> None:
        self._engine = engine
        self._frame = frame
        self._sweeper = sweeper
        self._worker = worker
        self._heartbeat_s = heartbeat.total_seconds()
        self._watch = watch
        self._process = psutil.Process()
        self._next: dict[str, float] = {}
        self._reason: str | None = None
        self._ending_since = math.inf
        self._epoch = 0
        self._is_asked_to_go = False
        self._rounds = Rounds("keeper", self._serve, lambda stopping: stopping.wait(TICK_S))

    def start(self) -> None:
        """Begin to beat."""
        self._process.cpu_percent()
        self._rounds.start()

    def stop(self) -> None:
        """Beat no more."""
        self._rounds.stop()

    @property
    def reason(self) -> str | None:
        """Why it has asked this process to end; None: it has not."""
        return self._reason

    def _serve(self) -> None:
        try:
            self.tick()
        except StoreError:
            self._end_without_store()
            raise
        except Exception:
            raise
        except BaseException as error:  # noqa: BLE001 - without a keeper others declare us dead
            self._end(f"its keeper met {error!r}")

    def tick(self) -> None:
        """Do what is due, and nothing else."""
        self._frame.report()
        if self._is_due("timers", TIMERS_EVERY_S):
            self._sweeper.fire_timers()
        stopped = self._is_due("stop", STOP_EVERY_S) and self._is_stopped_anew()
        if stopped:
            self._sweeper.stop_work()
        if self._is_due("beat", BEAT_EVERY_S) or stopped:
            self._beat()
            self._sweeper.bury()
            if self._sweeper.is_due(SWEEP_WHEN_NONE_FOR):
                self._sweeper.sweep()

    def _beat(self) -> None:
        metrics = self._metrics() if self._is_due("heartbeat", self._heartbeat_s) else {}
        begun = self._engine.clock.monotonic()
        if not self._engine.beat(self._worker, self._frame.held, metrics):
            self._end("it was declared dead, and others have taken over")
            return
        self._frame.beaten_at = begun  # others count from when it was written, or a little later
        self._heed_drain()
        if self._engine.store.read(migrate.is_beyond):
            self._end("the store was migrated by a newer release")
        elif reason := self._watch():
            self._end(reason)
        elif self._is_drained():
            self._end("it was drained", logging.INFO)
        self._tell_stacks()
        claimed = self._frame.claimed()
        mine = self._engine.store.read(lambda s: steps.held_by(s, self._worker.id))
        self._frame.cancel([held for held in claimed if held not in mine])

    def _heed_drain(self) -> None:
        """Take nothing new, once a person has asked this worker to drain."""
        if self._frame.draining:
            return
        me = self._engine.store.read(lambda s: workers.get(s, self._worker.id))
        if me is not None and me.draining:
            self._is_asked_to_go = self._frame.draining = True

    def _is_drained(self) -> bool:
        """Whether a person has asked this worker to drain, and no attempt is left here."""
        return self._is_asked_to_go and not self._frame.held()

    def _tell_stacks(self) -> None:
        """Write the stacks of this process's threads, if a person has asked for them."""
        me = self._worker.id
        if self._engine.store.read(lambda s: workers.has_to_tell(s, me)):
            text = self._engine.rules.mask(stacks.of_threads(self._frame.threads()))
            self._engine.commit(lambda tx: workers.tell_stacks(tx.session, me, text))

    def _is_stopped_anew(self) -> bool:
        """Whether an emergency stop has begun since the last look."""
        before, self._epoch = self._epoch, self._engine.store.read(stops.epoch)
        return self._epoch != before

    def _metrics(self) -> dict[str, float]:
        return {
            "cpu_usage": self._process.cpu_percent() / 100,
            "memory_usage": self._process.memory_percent() / 100,
            "steps_running": float(len(self._frame.claimed())),
        }

    def _end_without_store(self) -> None:
        """Ask this process to end if it must, though the store cannot be told."""
        if reason := self._watch():
            with suppress(StoreError):
                self._end(reason)

    def _is_due(self, what: str, period_s: float) -> bool:
        now = self._engine.clock.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + period_s
        return True

    def _end(self, reason: str, level: int = logging.ERROR) -> None:
        """Ask this process to end; it beats on while its steps finish, but not for ever.

        Its main thread may hang, so that the signal changes nothing: then the process exits at
        once, and its death hands over what it held.
        """
        now = self._engine.clock.monotonic()
        if self._reason is None:
            self._reason, self._ending_since = reason, now
            self._frame.draining = True
            os.kill(os.getpid(), signal.SIGTERM)
            log.log(level, "this worker ends: %s", reason)
            self._engine.drain(self._worker.id)
        elif now - self._ending_since > LONGEST_END_S:
            os._exit(EXIT_HUNG)
