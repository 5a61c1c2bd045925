"""The host: one process's store, engine, frame and keeper, and the actors that lead to them."""

import logging
import os
import socket
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import dramatiq

from orchestration.clock import SystemClock, jitter, new_id
from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.transaction import Rules
from orchestration.errors import OrchestrationError
from orchestration.views.fleet import FleetView
from orchestration.ports import Dispatch
from orchestration.runtime import acknowledgement
from orchestration.runtime.broker import parameters
from orchestration.runtime.frame import Frame
from orchestration.runtime.keeper import Keeper
from orchestration.runtime.messages import StubRelay
from orchestration.runtime.monitor import Monitor
from orchestration.runtime.names import MONITOR, ORCHESTRATOR
from orchestration.runtime.relay import Relay
from orchestration.runtime.schedule import Timetable
from orchestration.runtime.sweeper import Sweeper
from orchestration.settings import Settings
from orchestration.store.connect import Opened, open_store
from orchestration.store.workers import NewWorker

log = logging.getLogger(__name__)


def release() -> str:
    """The version of this package that runs here."""
    try:
        return version("fleet-orchestration")
    except PackageNotFoundError:
        return "unreleased"


def rules(settings: Settings, me: str, app: App, scope: str | None = None) -> Rules:
    """What an engine of this process goes by."""
    offers = (agent.offer(action) for agent in app.agents for action in agent.actions)
    return Rules(
        me=me,
        offers=frozenset(offers),
        scope=scope,
        slots=settings.max_concurrent_workflows,
        workflow_timeout=settings.workflow_timeout,
        most_pending=settings.max_pending_per_sender,
        jitter=jitter,
    )


class Host:
    """Everything that one worker process needs beside Dramatiq's own threads.

    It is made when the process loads its modules, and started once its threads are wanted:
    after the fork, so that no lock, connection or id is shared by two processes.

    Args:
        app: The fleet.
        settings: Where everything is.
        broker: Where the actors are declared.
        scope: The only run to work for; None: all of them.
    """

    def __init__(
        self, app: App, settings: Settings, broker: dramatiq.Broker, scope: str | None = None
    ) -> None:
        self.app = app
        self.settings = settings
        self.broker = broker
        self._scope = scope
        self._running: Running | None = None
        for agent in app.agents:
            self._declare(agent.name, self._work_on(agent.name))
        self._declare(ORCHESTRATOR, self._orchestrate)
        self._declare(MONITOR, self._monitor)

    @property
    def running(self) -> "Running":
        """The started parts.

        Raises:
            OrchestrationError: It is not started, or has stopped.
        """
        if self._running is None:
            raise OrchestrationError("the host is not running: start a worker first")
        return self._running

    def start(
        self, queues: Mapping[str, int], watch: Callable[[], str | None] = lambda: None
    ) -> None:
        """Open the store, register this worker, and begin to beat.

        Args:
            queues: For each queue that is consumed here, how many steps run at once.
            watch: Asked at every beat: why this process must end, or None.

        Raises:
            StoreError: The store cannot be used.
        """
        self._running = Running(
            self, {q: n for q, n in queues.items() if q in self.app.agent}, watch
        )

    def drain(self) -> None:
        """Claim nothing new; what is claimed goes on."""
        if self._running is not None:
            self._running.drain()

    def stop(self) -> None:
        """Let go of everything; what is still held is handed over when the process is gone."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _declare(self, name: str, function: Callable[..., None]) -> None:
        dramatiq.actor(function, actor_name=name, queue_name=name, broker=self.broker)

    def _work_on(self, queue: str) -> Callable[..., None]:
        def work(run_id: str, step: str, branch: int, attempt: int, alone: bool) -> None:  # noqa: FBT001 - a wire format
            dispatch = Dispatch(queue, run_id, step, branch, attempt, alone)
            if not self.running.frame.work(dispatch, acknowledgement.settle):
                acknowledgement.keep()

        return work

    def _orchestrate(self) -> None:
        """One tick: timers, dead workers, schedules, retention."""
        self.running.tick()

    def _monitor(self) -> None:
        """One look at who has fallen silent."""
        self.running.monitor.look()


class Running:
    """The parts of a started host."""

    def __init__(
        self, host: Host, queues: Mapping[str, int], watch: Callable[[], str | None]
    ) -> None:
        settings, me = host.settings, new_id()
        opened: Opened = open_store(settings.store_url)
        self.store, self._locks, _ = opened
        self.relay = self._relay(host)
        clock = SystemClock()
        self.engine = Engine(
            self.store, self.relay, clock, rules(settings, me, host.app, host._scope)
        )
        self.frame = Frame(host.app, self.engine, FleetView(self.store, clock))
        self.sweeper = Sweeper(self.engine, self._locks)
        self.monitor = Monitor(self.engine, settings.timeout_threshold)
        self.timetable = Timetable(self.engine, host.app)
        self._settings = settings
        self._worker = NewWorker(
            id=me,
            host=socket.gethostname(),
            pid=os.getpid(),
            release=release(),
            offers=sorted(self.engine.rules.offers),
            transport=settings.transport,
            slots=queues,
        )
        self._locks.hold(me)
        self.sweeper.bury()
        self.engine.join(self._worker, host.app)
        self._keeper = Keeper(
            self.engine, self.frame, self.sweeper, self._worker, settings.heartbeat_interval, watch
        )
        self._keeper.start()

    def tick(self) -> None:
        """What the scheduler asks for: sweep, start what is scheduled, forget what is old."""
        self.sweeper.sweep()
        self.timetable.fire()
        self.engine.forget(self._settings.retention, self._settings.retention_runs)

    def drain(self) -> None:
        """Claim nothing new."""
        self.frame.draining = True
        self.engine.drain(self._worker.id)

    def stop(self) -> None:
        """End every part; the lock is let go only when nothing is held any more."""
        self._keeper.stop()
        self.frame.stop()
        if not self.frame.held():
            self.engine.depart(self._worker.id)
            self._locks.release(self._worker.id)
        self.relay.close()
        self.store.close()

    def _relay(self, host: Host) -> StubRelay | Relay:
        if host.settings.broker_url is None:
            return StubRelay(host.broker)
        return Relay(parameters(host.settings.broker_url, "orchestration relay"))
