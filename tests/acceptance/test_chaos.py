"""Two worker fleets, two schedulers, a broker of their own, and somebody who kills them."""

import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestration.client import Client
from orchestration.errors import WorkflowFailedError
from orchestration.handles import Handle
from tests.acceptance import victims
from tests.acceptance.checker import Promise, complaints, recoveries
from tests.acceptance.node import Node, node_in
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import (
    DELIVERED,
    MODULE,
    PARCELS,
    RETURNED,
    VALIDATED,
    VALIDATION,
)
from tests.acceptance.supervisor import Supervisor
from tests.acceptance.witness import KILLED, TOLD, VARIABLE, Line, Witness
from tests.acceptance.witnessed import DWELL, app
from tests.eventually import eventually

ENVIRONMENT = os.environ
WORKFLOWS = int(ENVIRONMENT.get("CHAOS_WORKFLOWS", "200"))
KILLS = int(ENVIRONMENT.get("CHAOS_KILLS", "20"))
SEED = int(ENVIRONMENT.get("CHAOS_SEED", "1"))
CLIENTS = 4
SLOTS = 24
DWELL_S = 0.3
BETWEEN_STRIKES_S = (2.0, 3.0)
PATIENCE_S = 120.0


@dataclass
class Customers:
    """Clients that start commands, wait for each to end, and write down what they are told."""

    witness: Witness
    promises: dict[str, Promise] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    problems: list[BaseException] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
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
            thread.join()

    def _come(self) -> None:
        try:
            with Client(app=app) as client:
                self._buy(client)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.problems.append(error)

    def _buy(self, client: Client) -> None:
        open_orders: list[Handle] = []
        for number in self._numbers:
            if number >= WORKFLOWS and self.enough.is_set():
                break
            open_orders.append(self._start(client, number))
            if len(open_orders) >= 2 * SLOTS // CLIENTS:
                self._collect(open_orders.pop(0))
        for order in open_orders:
            self._collect(order)

    def _start(self, client: Client, number: int) -> Handle:
        if number % 4 == 0:
            handle = client.start("validate_algorithms", VALIDATION, idempotency_key=f"n{number}")
            self.promises[handle.workflow_id] = VALIDATED
            return handle
        refused = number % 8 == 1
        parcels = list(range(number, number + PARCELS))
        handle = client.start(
            "delivery", {"parcels": parcels, "refused": refused}, idempotency_key=f"n{number}"
        )
        self.promises[handle.workflow_id] = RETURNED if refused else DELIVERED
        return handle

    def _collect(self, handle: Handle) -> None:
        try:
            self.results[handle.workflow_id] = handle.result(PATIENCE_S)
            status = "completed"
        except WorkflowFailedError as error:
            status = error.status
        self.witness.write(Line(TOLD, handle.workflow_id, status))


@dataclass
class Fleet:
    """Two `dramatiq` and two schedulers at one workplace."""

    workplace: Workplace
    processes: Processes
    witness: Witness
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    kills: list[str] = field(default_factory=list)
    spare_until: float = 0.0

    def start(self) -> None:
        def workers() -> Process:
            return self.processes.workers(self.workplace, MODULE, "-p", "2", "-t", "8")

        def scheduler() -> Process:
            return self.processes.scheduler(self.workplace)

        self.supervisor = Supervisor(
            {"workers 1": workers, "workers 2": workers, "clock 1": scheduler, "clock 2": scheduler}
        )

    def is_ready(self) -> bool:
        return len(victims.workers(self.workplace.home)) >= 4

    def strike(self) -> None:
        """Kill the workers of one of the two fleets that it hurts, a little after the last time.

        One time in two their master goes with them, as when a container is killed.
        """
        if time.monotonic() < self.spare_until:
            return
        master = self.supervisor.of(self.chance.choice(["workers 1", "workers 2"]))
        home = self.workplace.home
        ours = victims.workers(home) & {member.pid for member in master.members()}
        struck = [pid for pid in sorted(ours) if self.kill(pid)]
        if struck:
            self.spare_until = time.monotonic() + self.chance.uniform(*BETWEEN_STRIKES_S)
            if self.chance.random() < 0.5:
                master.tell(signal.SIGKILL)

    def kill(self, pid: int) -> bool:
        """Kill a worker if that hurts; what it held is noted."""
        try:
            victim = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return False
        held = victims.strike(self.workplace.home, victim)
        if held is not None:
            eventually(lambda: is_gone(victim), within=5)
            self.witness.write(Line(KILLED, pid=victim.pid))
            self.kills.append(held)
        return held is not None


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with node_in(tmp_path / "node") as found:
        yield found


@pytest.fixture
def fleet(
    node: Node,
    witness: Witness,
    processes: Processes,
    tmp_path: Path,
    enter: Callable[[Workplace], None],
) -> Iterator[Fleet]:
    more = {
        VARIABLE: str(witness.path),
        DWELL: str(DWELL_S),
        "MAX_CONCURRENT_WORKFLOWS": str(SLOTS),
    }
    workplace = Workplace(tmp_path / "home", node.url, MODULE, more, measured=False)
    enter(workplace)
    Client(app=app).close()  # the store is there from now on
    node.wait()
    found = Fleet(workplace, processes, witness)
    found.start()
    yield found
    found.supervisor.stop()


@pytest.mark.rabbitmq
@pytest.mark.timeout(240)
def test_everything_accepted_ends_however_often_they_are_killed(
    fleet: Fleet, node: Node, witness: Witness, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    eventually(fleet.is_ready, within=30)
    customers = Customers(witness)
    customers.begin()
    try:
        strike_until(fleet, KILLS // 2)
        node.kill()
        node.start()
        for name in ("clock 1", "workers 1"):
            fleet.supervisor.of(name).tell(signal.SIGKILL)
        node.wait()
        strike_until(fleet, KILLS)
    finally:
        customers.finish()
    lines = witness.lines()
    assert not customers.problems
    assert len(customers.promises) >= WORKFLOWS
    assert complaints(lines, customers.promises) == []
    check_results(customers)
    with capsys.disabled():
        print(report(fleet, customers, lines, time.monotonic() - began))  # noqa: T201 - the run's figures


def strike_until(fleet: Fleet, kills: int) -> None:
    """Kill until that many kills have hurt."""

    def struck() -> bool:
        fleet.strike()
        return len(fleet.kills) >= kills

    eventually(struck, within=PATIENCE_S)


def check_results(customers: Customers) -> None:
    """Every client got what its command means, and equal questions got equal answers."""
    for run, promise in customers.promises.items():
        if promise is DELIVERED:
            assert customers.results[run]["packed"] == PARCELS
    same = [customers.results[run] for run, p in customers.promises.items() if p is VALIDATED]
    assert all(each == same[0] for each in same)


def report(fleet: Fleet, customers: Customers, lines: list[Line], seconds: float) -> str:
    times = recoveries(lines)
    validated = sum(promise is VALIDATED for promise in customers.promises.values())
    return (
        f"\nchaos: {len(customers.promises)} workflows ({validated} validate_algorithms),"
        f" {len(fleet.kills)} kills that hurt, {fleet.supervisor.restarts} restarts,"
        f" 1 broker restart, {seconds:.0f} s;"
        f" from kill to running again: median {statistics.median(times):.1f} s,"
        f" worst {times[-1]:.1f} s ({len(times)} attempts cut off); 0 lost, 0 doubled, 0 stuck"
    )
