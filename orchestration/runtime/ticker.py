"""The clock of a brokered fleet: APScheduler sends ticks to the orchestrator and the monitor.

A tick carries nothing and may come twice, late or never: the store says what is due. So any
number of schedulers may run, and a fleet can do without one for a while.
"""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dramatiq
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from dramatiq import Message
from dramatiq.errors import BrokerConnectionError

from orchestration.runtime.names import MONITOR, ORCHESTRATOR
from orchestration.settings import Settings

log = logging.getLogger(__name__)

SWEEP_EVERY = timedelta(seconds=2)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PUNCTUAL = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


def tick(broker: dramatiq.Broker, actor: str) -> None:
    """Send one tick; if the broker is away, only log that: the next tick will do."""
    message: Message[None] = Message(
        queue_name=actor, actor_name=actor, args=(), kwargs={}, options={}
    )
    try:
        broker.enqueue(message)
    except BrokerConnectionError as error:
        log.warning("no tick for %s, the broker is away: %s", actor, error)


def add_ticks(scheduler: BaseScheduler, broker: dramatiq.Broker, settings: Settings) -> None:
    """Let a scheduler send every tick that a fleet needs."""
    periods = {ORCHESTRATOR: SWEEP_EVERY, MONITOR: settings.heartbeat_interval}
    for actor, period in periods.items():
        broker.declare_queue(actor)
        scheduler.add_job(
            tick, "interval", seconds=period.total_seconds(), args=(broker, actor), id=actor
        )


@contextmanager
def ticking(broker: dramatiq.Broker, settings: Settings) -> Iterator[None]:
    """Tick in a thread of this process, until the block ends."""
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)}, job_defaults=PUNCTUAL, timezone="UTC"
    )
    add_ticks(scheduler, broker, settings)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def run(broker: dramatiq.Broker, settings: Settings) -> None:
    """Tick until SIGTERM or SIGINT.

    The signals are blocked before the first thread begins, so that they wait for `sigwait` and no
    handler runs in the middle of other code.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    with ticking(broker, settings):
        log.info("ticking every %s", SWEEP_EVERY)
        signal.sigwait(STOP_SIGNALS)
