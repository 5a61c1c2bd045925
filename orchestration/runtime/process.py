"""A worker process of `dramatiq`: the app's actors on RabbitMQ, and a clean end."""

import logging
import os
import signal
import sys
from importlib import import_module
from types import FrameType

import dramatiq
from dramatiq import Worker
from dramatiq.middleware import Middleware
from typing_extensions import override

from orchestration import logs, settings
from orchestration.definitions import App
from orchestration.errors import ConfigurationError, OrchestrationError
from orchestration.runtime.acknowledgement import CurrentMessage
from orchestration.runtime.broker import make_broker
from orchestration.runtime.host import Host
from orchestration.runtime.running import Setup

log = logging.getLogger(__name__)

EXIT_USAGE = 2
EXIT_UNREACHABLE = 3


def host(app: App) -> None:
    """Serve an app in this worker process, unless `ORCHESTRATION_APP` names another one.

    Where several are made, the last one is served: it may be made of the others' agents.
    """
    try:
        found = settings.load()
    except ConfigurationError as error:
        raise SystemExit(_complain(str(error), EXIT_USAGE)) from None
    if found.orchestration_app is None or is_named(app, found.orchestration_app):
        serve(app, found)


def is_named(app: App, name: str) -> bool:
    """Whether an app that is being made may be the one of the module with this name.

    A module may make its app of another one's agents: the last app that it makes is its own.
    """
    if name not in sys.modules:
        import_module(name)
        return False
    return getattr(sys.modules[name], "app", app) is app


def serve(app: App, found: settings.Settings) -> Host:
    """Declare an app's actors on RabbitMQ, to be run by this process's Dramatiq worker."""
    if found.broker_url is None:
        message = (
            "no broker: each of these processes would be alone; set RABBITMQ_URL,"
            " or run everything in one process with `orchestrate serve`"
        )
        raise SystemExit(_complain(message, EXIT_UNREACHABLE))
    logs.configure(found.log_level, found.log_format)
    lifecycle = Lifecycle()
    broker = make_broker(found.broker_url, [CurrentMessage(), lifecycle])
    dramatiq.set_broker(broker)
    lifecycle.host = Host(Setup(app, found, broker))
    return lifecycle.host


class Lifecycle(Middleware):
    """Starts the host with the worker, and ends it after the last thread."""

    host: Host

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._ending = False

    @override
    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        stop_once(signal.SIGTERM)

    @override
    def before_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        worker.queue_prefetch = worker.worker_threads
        wanted = worker.consumer_whitelist or broker.get_declared_queues()
        queues = dict.fromkeys(sorted(wanted), worker.worker_threads)
        try:
            self.host.start(queues, lambda: self._why_end(worker))
        except OrchestrationError as error:
            raise SystemExit(_complain(str(error), EXIT_UNREACHABLE)) from None

    @override
    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        self._ending = True
        self.host.drain()

    @override
    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        self.host.stop()

    def _why_end(self, worker: Worker) -> str | None:
        """Why this process would do harm, or no good, if it went on."""
        if os.getppid() != self._parent:
            return "its parent is gone"
        if not self._ending and not all(thread.is_alive() for thread in worker.workers):
            return "a worker thread has died"
        if 2 * self.host.running.frame.lost_count() >= worker.worker_threads:
            return "half of its threads work on attempts that are no longer theirs"
        return None


def stop_once(number: signal.Signals) -> None:
    """Let Dramatiq see the first of several equal signals only: its second one kills.

    Platforms signal the whole process group, and the master forwards what it got.
    """
    handler = signal.getsignal(number)
    seen: list[int] = []

    def first_only(received: int, frame: FrameType | None) -> None:
        if not seen and callable(handler):
            seen.append(received)
            handler(received, frame)

    signal.signal(number, first_only)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"orchestration: {message}\n")
    sys.stderr.flush()
    return code
