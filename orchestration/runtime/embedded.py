"""Everything in one process: the same actors, in threads, on whichever broker."""

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
from dramatiq import Worker

from orchestration.definitions import App
from orchestration.runtime.acknowledgement import CurrentMessage
from orchestration.runtime.broker import make_broker
from orchestration.runtime.host import Host
from orchestration.runtime.running import Setup
from orchestration.runtime.watchdog import Watchdog
from orchestration.settings import Settings

THREADS = 16  # more than cores: they wait for the disk, and share commits
POLL_MS = 100
STOP_MS = 12_000


@contextmanager
def embedded(
    app: App, settings: Settings, *, scope: str | None = None, threads: int = THREADS
) -> Iterator[Host]:
    """Run an app's actors in threads of this process, until the block ends.

    Args:
        app: The fleet.
        settings: Where the store is.
        scope: The only run to work for; None: all of them.
        threads: How many steps run at once.

    Raises:
        StoreError: The store cannot be used.
    """
    broker = make_broker(None, [CurrentMessage()])
    with hosted(Setup(app, settings, broker, scope), threads) as host:
        yield host


@contextmanager
def hosted(setup: Setup, threads: int = THREADS) -> Iterator[Host]:
    """Run the actors of a setup in threads of this process, until the block ends.

    Args:
        setup: The fleet, its settings and its broker.
        threads: How many steps run at once.

    Raises:
        StoreError: The store cannot be used.
    """
    broker = setup.broker
    dramatiq.set_broker(broker)
    host = Host(setup)
    watchdog = Watchdog(host.lost_count, orphan=False)
    host.start(dict.fromkeys(sorted(broker.get_declared_queues()), threads), watchdog.why_end)
    worker = Worker(broker, worker_threads=threads, worker_timeout=POLL_MS)
    worker.queue_prefetch = threads
    worker.start()
    watchdog.watch(worker)
    try:
        yield host
    finally:
        watchdog.rest()
        try:
            host.drain()
        finally:
            worker.stop(timeout=STOP_MS)
            host.stop()
            broker.close()
