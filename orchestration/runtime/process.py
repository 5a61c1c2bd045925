"""A worker process of `dramatiq`: the app's actors on RabbitMQ, and a clean end."""

import logging
import signal
import sys
from importlib import import_module
from types import FrameType

import dramatiq
from dramatiq import Worker
from dramatiq.middleware import Middleware
from typing_extensions import override

from orchestration import logs, settings
from orchestration.bus.address import address_in
from orchestration.definitions import App
from orchestration.errors import ConfigurationError, OrchestrationError
from orchestration.exit_codes import UNREACHABLE, USAGE
from orchestration.runtime import heaps
from orchestration.runtime.acknowledgement import CurrentMessage
from orchestration.runtime.broker import HardRabbitmqBroker, make_broker
from orchestration.runtime.host import Host
from orchestration.runtime.reach import require_broker
from orchestration.runtime.running import Setup
from orchestration.runtime.watchdog import Watchdog

log = logging.getLogger(__name__)

MOST_PREFETCHED = 6  # of a queue: a claim acknowledges soon, and others may have the next


def host(app: App) -> None:
    """Serve an app in this worker process, unless the settings name another one.

    If a module makes several apps, the last is served: it may be made of the others' agents.
    """
    try:
        found = settings.load()
        if found.orchestration_app is None or is_named(app, found.orchestration_app):
            serve(app, found)
    except ConfigurationError as error:
        raise SystemExit(_complain(str(error), USAGE)) from None


def is_named(app: App, name: str) -> bool:
    """Whether an app that is being made may be the one of the module with this name.

    A module may build its app from other apps' agents: the last app that it makes is its own.
    """
    if name not in sys.modules:
        _say(f"{name} is served: ORCHESTRATION_APP or pyproject.toml names it")
        import_module(name)
        return False
    return getattr(sys.modules[name], "app", app) is app


def serve(app: App, found: settings.Settings) -> Host:
    """Declare an app's actors on RabbitMQ, to be run by this process's Dramatiq worker.

    Raises:
        ConfigurationError: A file for an encrypted connection is wrong.
    """
    address = address_in(found)
    if address is None:
        message = (
            "no broker: each of these processes would be alone; set RABBITMQ_URL,"
            " or run everything in one process with `orchestrate serve`"
        )
        raise SystemExit(_complain(message, UNREACHABLE))
    # Not to Dramatiq's pipe: it fills when the master is dead, and blocks every thread that logs.
    logs.configure(found.log_level, found.log_format, found.mask, sys.__stderr__)
    for line in [*settings.misspelt(), *settings.undeclared(found, app.agent)]:
        log.warning("%s", line)
    heaps.keep_few()
    lifecycle = Lifecycle()
    broker = make_broker(address, [CurrentMessage(), lifecycle], found.rabbitmq_queue_type)
    dramatiq.set_broker(broker)
    lifecycle.host = Host(Setup(app, found, broker, server=address))
    return lifecycle.host


class Lifecycle(Middleware):
    """Starts the host with the worker, and ends it after the last thread."""

    host: Host

    def __init__(self) -> None:
        self._watchdog = Watchdog(lambda: self.host.lost_count(), orphan=True)  # noqa: PLW0108 - host comes later

    @override
    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        stop_once(signal.SIGTERM)

    @override
    def before_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        worker.queue_prefetch = min(worker.worker_threads, MOST_PREFETCHED)
        known = broker.get_declared_queues()
        wanted = worker.consumer_whitelist or known
        if unknown := sorted(set(wanted) - set(known)):
            message = f"-Q {', '.join(unknown)}: no such queue; known: {', '.join(sorted(known))}"
            raise SystemExit(_complain(message, USAGE))
        queues = dict.fromkeys(sorted(wanted), worker.worker_threads)
        found = settings.load()
        try:
            if (address := address_in(found)) is not None:
                require_broker(address)
            if isinstance(broker, HardRabbitmqBroker):
                broker.ensure_queues()
            self.host.start(queues, self._watchdog.why_end)
        except OrchestrationError as error:
            raise SystemExit(_complain(str(error), UNREACHABLE)) from None
        log.info("takes steps on %s from %s", found.transport, ", ".join(queues))

    @override
    def after_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        self._watchdog.watch(worker)

    @override
    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        self._watchdog.rest()
        self.host.drain()
        if isinstance(broker, HardRabbitmqBroker):  # Dramatiq consumes until the last step ends
            for consumer in worker.consumers.values():
                consumer.stop()
            broker.give_back()

    @override
    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        self.host.stop()


def stop_once(number: signal.Signals) -> None:
    """Let Dramatiq see only the first of several equal signals: a second one kills the worker.

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
    _say(message)
    return code


def _say(message: str) -> None:
    sys.stderr.write(f"orchestration: {message}\n")
    sys.stderr.flush()
