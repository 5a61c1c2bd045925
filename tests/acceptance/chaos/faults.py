"""The faults of a fleet: each function breaks one thing, and counts whether that hurt.

A victim is examined while it is stopped. It is killed if it holds a claim, an open transaction or a
message that is not confirmed yet, and goes on otherwise.
"""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import LiteralString

import pika
import psutil
import psycopg

from orchestration.errors import StoreError
from orchestration.store.postgres_session import WRITERS
from tests.acceptance import victims
from tests.acceptance.chaos.fleet import CLOCKS, CONTAINERS, ENOUGH, WEB, Fleet
from tests.acceptance.chaos.plan import Ledger
from tests.acceptance.processes import freeze
from tests.acceptance.witness import KILLED, RESUMED, Line
from tests.eventually import eventually

LOCKED_S = 3.0
FULL_S = 3.0
SILENT_S = 20.0
HUNT_S = 1.5
FILLING = (2**24, 2**20, 2**16, 2**12)  # ever smaller pieces, until none fits any more
QUEUES = ("courier", "backtesting_agent", "data_validation_agent", "orchestrator")
LOCK: LiteralString = (
    f"SELECT pg_advisory_lock({WRITERS}, hashtext(current_schema())), pg_sleep(%s)"
)


@dataclass
class Killer:
    """Breaks things in a fleet.

    Attributes:
        timers: Threads that later kill stopped processes, or let them go on.
    """

    fleet: Fleet
    ledger: Ledger
    chance: Random
    timers: list[threading.Timer]

    def settle(self) -> None:
        """Wait until the stopped processes are killed or at work again."""
        for timer in self.timers:
            timer.join()

    def kill_worker(self) -> None:
        """Kill one process of a container; its master ends the rest, and is started again."""
        for pid, _ in self._shuffled(spare=1):
            if self._kill([pid], "worker"):
                return

    def kill_container(self) -> None:
        """Kill a master and its workers together."""
        for name, forks in self._harmable():
            with suppress(psutil.NoSuchProcess), stopped(self.fleet.process_of(name)) as master:
                if self._kill(forks, "container"):
                    master.kill()
                    return

    def kill_master(self) -> None:
        """Kill a master alone: its orphans finish what they hold, and end themselves."""
        for name, forks in self._harmable():
            if any(victims.claims(self.fleet.place.store, pid)[0] for pid in forks):
                self.fleet.process_of(name).kill()
                self.ledger.hit("master-alone", "its workers' claims")
                return

    def stop_worker(self) -> None:
        """Stop a worker until others have taken over from it; then kill it, or let it go on."""
        for pid, _ in self._shuffled(spare=1):
            victim = psutil.Process(pid)
            held = victims.hold_of(self.fleet.place, victim)
            if held is not None and "transaction" in held:
                victim.resume()
            elif held is not None:
                self.fleet.witness.write(Line(KILLED, step="stopped-worker", pid=pid))
                self.fleet.still.add(pid)
                self.ledger.hit("stopped-worker", held)
                kills = self.chance.random() < 0.5
                end = self._kill_stopped if kills else self._resume
                timer = threading.Timer(SILENT_S, end, [victim])
                timer.start()
                self.timers.append(timer)
                return

    def _kill_stopped(self, victim: psutil.Process) -> None:
        self.fleet.still.discard(victim.pid)
        with suppress(psutil.NoSuchProcess):
            victim.kill()

    def _resume(self, victim: psutil.Process) -> None:
        self.fleet.still.discard(victim.pid)
        with suppress(psutil.NoSuchProcess):
            self.fleet.witness.write(Line(RESUMED, pid=victim.pid))
            victim.resume()

    def _harmable(self) -> Iterator[tuple[str, list[int]]]:
        """The containers that may be harmed, in any order, with their workers."""
        found = sorted(CONTAINERS.keys() - self.fleet.spared)
        self.chance.shuffle(found)
        for name in found:
            at_work = self.fleet.workers()
            forks = [pid for pid, container in at_work.items() if container == name]
            if forks and len(at_work) - len(forks) >= ENOUGH - 1:
                yield name, forks

    def _shuffled(self, spare: int) -> list[tuple[int, str]]:
        """The workers that may be harmed, in any order; empty if too few would be left."""
        found = list(self.fleet.workers().items())
        if len(found) - spare < ENOUGH - 1:
            return []
        self.chance.shuffle(found)
        return [(pid, name) for pid, name in found if name not in self.fleet.spared]

    def _kill(self, pids: list[int], kind: str) -> int:
        """Kill, all at once, the workers among these that hold something; return their number."""
        held: dict[int, str] = {}
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                if found := victims.hold_of(self.fleet.place, psutil.Process(pid)):
                    held[pid] = found
        for pid in held:
            self.fleet.witness.write(Line(KILLED, step=kind, pid=pid))
        for pid, what in held.items():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.ledger.hit(kind, what)
        return len(held)

    def kill_clock(self) -> None:
        """Kill a scheduler whose tick is unconfirmed, since RabbitMQ is stopped."""
        port = self.fleet.node.port
        with self._outage("RabbitMQ stopped"), self.fleet.node.stopped():
            name = self.chance.choice(CLOCKS)
            with suppress(AssertionError, psutil.NoSuchProcess):
                clock = self.fleet.process_of(name)
                eventually(lambda: sum(waiting(clock.pid, port)), within=3.0)
                clock.kill()
                self.ledger.hit("scheduler", "an unconfirmed publish")
        self.ledger.others["RabbitMQ stopped for up to 3 s"] += 1

    def kill_web(self) -> None:
        """Kill the web server in the middle of a transaction."""
        deadline = time.monotonic() + HUNT_S
        with suppress(psutil.NoSuchProcess):
            web = self.fleet.process_of(WEB)
            while time.monotonic() < deadline:
                with stopped(web):
                    if self.fleet.place.is_writing(web.pid):
                        web.kill()
                        self.ledger.hit("web", "an open transaction")
                        return
                time.sleep(0.001)

    def kill_broker(self) -> None:
        """Pull RabbitMQ's plug while messages are under way, and start it again."""
        sent = self.fleet.place.sent()
        with self._outage("RabbitMQ killed"):
            self.fleet.node.kill()
            self.fleet.node.start()
            self.fleet.node.wait()
        if sent:
            self.ledger.hit("RabbitMQ", "messages under way")

    def kill_server(self) -> None:
        """Pull PostgreSQL's plug in the middle of a transaction, and start it again."""
        cluster = self.fleet.cluster
        assert cluster is not None
        with suppress(AssertionError):
            eventually(lambda: cluster.tell(victims.WRITING), within=HUNT_S)
            with self._outage("PostgreSQL killed"):
                cluster.kill()
                cluster.start()
            self.ledger.hit("PostgreSQL", "an open transaction")

    def wipe_queues(self) -> None:
        """Purge every queue of workers."""
        with suppress(pika.exceptions.AMQPError):
            connection = pika.BlockingConnection(pika.URLParameters(self.fleet.node.url))
            for queue in QUEUES:
                with suppress(pika.exceptions.ChannelClosedByBroker):
                    connection.channel().queue_purge(queue)
            connection.close()
        self.ledger.others["queues wiped"] += 1

    def lock_store(self) -> None:
        """Hold the store's lock for seconds, so that no process can write."""
        with self._outage("store locked"):
            if self.fleet.cluster is not None:
                url = self.fleet.cluster.url("postgres")
                with psycopg.connect(url, autocommit=True) as session:
                    session.execute(LOCK, (LOCKED_S,))
            else:
                with (self.fleet.workplace.home / "orchestration.db.lock").open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    time.sleep(LOCKED_S)
        self.ledger.others["store locked for 3 s"] += 1

    def fill_disk(self) -> None:
        """Fill the store's disk for seconds, if the store has a disk of its own."""
        if self.fleet.disk is None or not self.fleet.has_disk():
            return
        with self._outage("disk full"):
            with full(self.fleet.disk):
                time.sleep(FULL_S)
            if self.fleet.cluster is not None:
                self.fleet.cluster.revive()
        self.ledger.others["disk full for 3 s"] += 1

    @contextmanager
    def _outage(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.ledger.outages.append((began, time.monotonic(), what))

    @property
    def kinds(self) -> dict[Callable[[], None], int]:
        """Every fault but the rare ones, with its weight."""
        workers = {self.kill_worker: 16, self.kill_container: 18, self.kill_master: 3}
        return {
            **workers,
            self.stop_worker: 1,
            self.kill_clock: 1,
            self.kill_web: 2,
            self.wipe_queues: 1,
            self.lock_store: 1,
            self.fill_disk: 1,
        }

    def strike(self) -> None:
        """Break one thing at random."""
        kinds = self.kinds
        (fault,) = self.chance.choices([*kinds], [*kinds.values()])
        with suppress(StoreError, psutil.NoSuchProcess, psycopg.OperationalError):
            fault()


@contextmanager
def stopped(process: psutil.Process) -> Iterator[psutil.Process]:
    """A process that stands still until the block has ended."""
    freeze(process)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """A file system without room."""
    filler = disk / "filler"
    try:
        with filler.open("wb") as file:
            for size in FILLING:
                with suppress(OSError):
                    while True:
                        end = file.seek(0, os.SEEK_END)
                        os.posix_fallocate(file.fileno(), end, size)
        yield
    finally:
        filler.unlink(missing_ok=True)


def waiting(pid: int, server: int) -> list[int]:
    """The bytes that a server has not read yet, for each connection of a process to it."""
    found = victims.unread(server)
    return [found.get(port, 0) for port in victims.ports_of(pid, server)]
