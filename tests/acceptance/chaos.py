"""Two worker fleets, two schedulers and a broker under somebody who breaks what they stand on.

Who dies is looked up while it stands still: a kill counts where the victim held a claim or an open
transaction. Everything else that is broken is counted by its kind.
"""

import fcntl
import json
import os
import random
import signal
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pika
import psutil

from orchestration.client import Client
from orchestration.errors import StoreError, WorkflowFailedError
from orchestration.handles import Handle
from orchestration.store.connect import open_store
from tests.acceptance import victims
from tests.acceptance.checker import Promise, comebacks, complaints
from tests.acceptance.node import Node
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE, PARCELS, RETURNED, VALIDATED, VALIDATION
from tests.acceptance.supervisor import Supervisor
from tests.acceptance.witness import KILLED, TOLD, Line, Witness
from tests.acceptance.witnessed import app
from tests.eventually import eventually

CLIENTS = 4
SLOTS = 24
BETWEEN_STRIKES_S = (2.0, 3.0)
PATIENCE_S = 180.0
LOCKED_S = 3.0
FULL_S = 3.0
QUEUES = ("courier", "turnstile", "backtesting_agent", "data_validation_agent", "orchestrator")


@dataclass(frozen=True)
class Plan:
    """How large a run is.

    Attributes:
        clients: How many clients order at the same time.
        trouble: How often, between two strikes, something else breaks.
    """

    workflows: int
    kills: int
    seed: int
    trouble: float = 0.15


@dataclass
class Customers:
    """Clients that start commands, wait for each to end, and write down what they are told."""

    witness: Witness
    plan: Plan
    promises: dict[str, Promise] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    problems: list[BaseException] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
    attempted: int = 0
    _numbers: Iterator[int] = field(default_factory=count)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Let them come, from now on until it is enough."""
        self._threads = [threading.Thread(target=self._come) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let nobody else come, and wait for what was promised."""
        self.enough.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)
            assert not thread.is_alive(), "a client waits for ever"

    def _come(self) -> None:
        try:
            with Client(app=app) as client:
                self._buy(client)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.problems.append(error)

    def _buy(self, client: Client) -> None:
        open_orders: list[Handle] = []
        for number in self._numbers:
            if number >= self.plan.workflows and self.enough.is_set():
                break
            open_orders.append(insisting(lambda n=number: self._start(client, n)))  # type: ignore[misc]
            if len(open_orders) >= 2 * SLOTS // CLIENTS:
                self._collect(open_orders.pop(0))
        for order in open_orders:
            self._collect(order)

    def _start(self, client: Client, number: int) -> Handle:
        """Order, under a key: whoever was not told repeats it, and gets the same run."""
        self.attempted += 1
        key = f"n{number}"
        if number % 4 == 0:
            handle = client.start("validate_algorithms", VALIDATION, idempotency_key=key)
            self.promises[handle.workflow_id] = VALIDATED
            return handle
        refused = number % 8 == 1
        parcels = list(range(number, number + PARCELS))
        wanted = {"parcels": parcels, "refused": refused}
        handle = client.start("delivery", wanted, idempotency_key=key)
        self.promises[handle.workflow_id] = RETURNED if refused else DELIVERED
        return handle

    def _collect(self, handle: Handle) -> None:
        try:
            self.results[handle.workflow_id] = insisting(lambda: handle.result(PATIENCE_S))
            status = "completed"
        except WorkflowFailedError as error:
            status = error.status
        self.witness.write(Line(TOLD, handle.workflow_id, status))


def insisting(ask: Callable[[], Any]) -> Any:
    """What comes of a question, asked again while the store is away."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except StoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@dataclass
class Fleet:
    """Two `dramatiq` and two schedulers at one workplace, and what is done to them."""

    workplace: Workplace
    store_url: str
    node: Node
    processes: Processes
    witness: Witness
    plan: Plan
    victims: tuple[str, ...] = ("workers 1", "workers 2")
    kills: list[str] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    outages: list[tuple[float, float]] = field(default_factory=list)
    spare_until: float = 0.0
    stopped: list[psutil.Process] = field(default_factory=list)

    def start(self) -> None:
        self.chance = random.Random(self.plan.seed)
        self.store = open_store(self.store_url).store

        def workers() -> Process:
            return self.processes.workers(self.workplace, MODULE, "-p", "2", "-t", "8")

        def scheduler() -> Process:
            return self.processes.scheduler(self.workplace)

        self.supervisor = Supervisor(
            {"workers 1": workers, "workers 2": workers, "clock 1": scheduler, "clock 2": scheduler}
        )

    def stop(self) -> None:
        self.supervisor.stop()
        self.store.close()

    @property
    def home(self) -> Path | None:
        """Where the file of the store is, if it is one."""
        return self.workplace.home if self.store_url.startswith("sqlite") else None

    def was_out(self, begin: float, end_: float) -> bool:
        """Whether RabbitMQ was away in a stretch of time."""
        return any(begin < up and down < end_ for down, up in self.outages)

    def is_ready(self) -> bool:
        return len(victims.workers_of(self.store)) >= 4

    def strike_until(self, kills: int) -> None:
        """Break things until that many kills have hurt."""

        def struck() -> bool:
            self.strike()
            return len(self.kills) >= kills

        eventually(struck, within=PATIENCE_S + 6 * self.plan.kills, what="kills that hurt")

    def strike(self) -> None:
        """Kill the workers of one of the two fleets that it hurts, a little after the last time.

        One time in two their master goes with them, as when a container is killed.
        """
        if time.monotonic() < self.spare_until:
            return
        with suppress(StoreError):
            if self.strike_workers() and self.chance.random() < self.plan.trouble:
                self.make_trouble()

    def strike_workers(self) -> bool:
        master = self.supervisor.of(self.chance.choice(self.victims))
        ours = victims.workers_of(self.store) & {member.pid for member in master.members()}
        struck = [pid for pid in sorted(ours) if self.kill(pid)]
        if struck:
            self.spare_until = time.monotonic() + self.chance.uniform(*BETWEEN_STRIKES_S)
            if self.chance.random() < 0.5:
                master.tell(signal.SIGKILL)
                self.troubles["masters killed"] += 1
        return bool(struck)

    def kill(self, pid: int) -> bool:
        """Kill a worker if that hurts; what it held is noted."""
        try:
            victim = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return False
        held = victims.strike(self.store, self.home, victim)
        if held is None:
            return False
        eventually(lambda: is_gone(victim), within=5)
        self.witness.write(Line(KILLED, pid=victim.pid))
        self.kills.append(held)
        return True

    def make_trouble(self) -> None:
        """Break something else than a worker."""
        kinds = [self.kill_clock, self.wipe_queues, self.stop_worker]
        kinds += [self.lock_store, self.fill_disk] if self.home else []
        self.chance.choice(kinds)()

    def kill_clock(self) -> None:
        """End a scheduler."""
        name = self.chance.choice(self.victims).replace("workers", "clock")
        self.supervisor.of(name).tell(signal.SIGKILL)
        self.troubles["schedulers killed"] += 1

    def kill_broker(self) -> None:
        """Pull its plug, and start it again."""
        down_at = time.monotonic()
        self.node.kill()
        self.node.start()
        self.kill_clock()
        self.node.wait()
        self.outages.append((down_at, time.monotonic()))
        self.troubles["brokers killed"] += 1

    def wipe_queues(self) -> None:
        """Let the broker forget every message to a worker."""
        with suppress(pika.exceptions.AMQPError):
            connection = pika.BlockingConnection(pika.URLParameters(self.node.url))
            for queue in QUEUES:
                with suppress(pika.exceptions.ChannelClosedByBroker):
                    connection.channel().queue_purge(queue)
            connection.close()
        self.troubles["queues wiped"] += 1

    def stop_worker(self) -> None:
        """Stop one that holds something for good; it is ended where nobody waits for it."""
        masters = [self.supervisor.of(name) for name in self.victims]
        ours = {member.pid for master in masters for member in master.members()}
        for pid in sorted(victims.workers_of(self.store) & ours):
            with suppress(psutil.NoSuchProcess):
                victim = psutil.Process(pid)
                if victims.freeze_if_busy(self.store, self.home, victim):
                    self.witness.write(Line(KILLED, pid=pid))
                    threading.Timer(20.0, end, [victim]).start()
                    self.troubles["workers stopped for good"] += 1
                    self.spare_until = time.monotonic() + 16.0
                    return

    def lock_store(self) -> None:
        """Keep everybody from writing for seconds."""
        with (self.workplace.home / "orchestration.db.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            time.sleep(LOCKED_S)
        self.troubles["store locked for 3 s"] += 1

    def fill_disk(self) -> None:
        """Leave no room where the store is, for seconds; only where that is a disk of its own."""
        if not os.path.ismount(self.workplace.home):
            return
        filler = self.workplace.home / "filler"
        try:
            with suppress(OSError), filler.open("wb") as file:
                while True:
                    file.write(bytes(2**20))
                    file.flush()
            time.sleep(FULL_S)
        finally:
            filler.unlink(missing_ok=True)
        self.troubles["disk full for 3 s"] += 1


def end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own, where this user may mount one."""
    path.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    mounted = os.geteuid() == 0 and subprocess.run(words, check=False, timeout=10).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=True, timeout=10)


def verdict(fleet: Fleet, customers: Customers, seconds: float) -> dict[str, Any]:
    """What the witness and the clients say, in figures, and what is wrong."""
    lines = fleet.witness.lines()
    wrong = complaints(lines, customers.promises)
    times = sorted(s for at, s in comebacks(lines) if not fleet.was_out(at, at + s))
    told = Counter(line.run for line in lines if line.what == TOLD)
    return {
        "attempted": customers.attempted,
        "acknowledged": len(customers.promises),
        "ended as promised": len(told),
        "lost or stuck": len(customers.promises.keys() - told.keys()),
        "doubled endings": sum(times > 1 for times in told.values()),
        "complaints": wrong,
        "problems": [repr(each) for each in customers.problems],
        "kills that hurt": len(fleet.kills),
        "other faults": dict(fleet.troubles),
        "restarts": fleet.supervisor.restarts,
        "attempts cut off": len(comebacks(lines)),
        "of them while RabbitMQ was up": len(times),
        "kill to running again, median s": round(statistics.median(times), 2) if times else None,
        "kill to running again, p95 s": round(times[int(0.95 * len(times))], 2) if times else None,
        "kill to running again, worst s": round(times[-1], 2) if times else None,
        "seconds": round(seconds),
        "store": fleet.store_url.partition(":")[0],
        "seed": fleet.plan.seed,
    }


def keep(report: dict[str, Any], path: str | None) -> None:
    """Print the report; and keep it as one more line of a file, if one is named."""
    text = json.dumps(report)
    print(f"\nchaos: {text}")  # noqa: T201 - the run's figures
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
