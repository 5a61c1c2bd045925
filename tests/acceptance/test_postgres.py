"""PostgreSQL that is killed, cut off or held up under work: all goes on without help."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestration.client import Client
from orchestration.handles import Handle
from orchestration.ports import Session
from orchestration.store.connect import open_store
from tests.acceptance.cable import Cable
from tests.acceptance.checker import complaints
from tests.acceptance.cluster import Cluster, cluster
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE
from tests.acceptance.witness import START, TOLD, VARIABLE, Line, Witness
from tests.acceptance.witnessed import app
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgres, pytest.mark.timeout(240)]

Enter = Callable[[Workplace], None]
PATIENCE_S = 90.0
PRESENT = "SELECT COUNT(*) FROM workers WHERE left_at IS NULL"
TAKEN = "SELECT COUNT(*) FROM workers WHERE left_at IS NOT NULL"
LOSSES = "SELECT COALESCE(SUM(losses), 0) FROM steps"
ORDERS = 12
DWELL_S = 0.5
WRITES_AND_STOPS = """
import os, signal, sys, time
from orchestration.store.connect import open_store

def stop(session):
    session.run("UPDATE control SET swept_at = 0")
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(1)  # this thread may run on for a moment

open_store(sys.argv[1]).store.write(stop)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


@pytest.fixture
def url(server: Cluster, tmp_path: Path) -> str:
    name = f"{tmp_path.name}_{time.monotonic_ns()}"
    server.tell(f'CREATE DATABASE "{name}"')
    return server.url(name)


@pytest.fixture
def place(vhost: str, url: str, witness: Witness, tmp_path: Path, enter: Enter) -> Workplace:
    more = {VARIABLE: str(witness.path), "DATABASE_URL": url, "MAX_CONCURRENT_WORKFLOWS": "50"}
    found = Workplace(tmp_path / "home", vhost, MODULE, more)
    enter(found)
    return found


def start(processes: Processes, place: Workplace, url: str, count: int = 2) -> Process:
    """Workers, once every one of them is there."""
    store = open_store(url).store
    found = processes.workers(place, MODULE, "-p", str(count), "-t", "4")
    eventually(lambda: number(store.read, PRESENT) >= count, within=PATIENCE_S, what="workers")
    store.close()
    return found


def number(ask: Callable[[Callable[[Session], int]], int], sql: str) -> int:
    def counted(session: Session) -> int:
        row = session.one(sql)
        return int(row[0]) if row else 0

    return ask(counted)


def order(client: Client, count: int = ORDERS) -> list[Handle]:
    return [
        client.start("delivery", {"parcels": [n, n, n], "dwell": DWELL_S}) for n in range(count)
    ]


def wait_for_work(witness: Witness) -> None:
    began = len(witness.lines())
    eventually(
        lambda: any(line.what == START for line in witness.lines()[began:]),
        within=PATIENCE_S,
        what="work that is under way",
    )


def collect(url: str, witness: Witness, handles: list[Handle]) -> None:
    """Every order is done, and nothing happened twice that must not."""
    with Client(url, app=app) as client:
        for each in handles:
            client.workflow(each.workflow_id).result(PATIENCE_S)
            witness.write(Line(TOLD, each.workflow_id, "completed"))
    promises = {each.workflow_id: DELIVERED for each in handles}
    assert complaints(witness.lines(), promises) == []


def all_live(url: str, workers: Process, before: set[int], count: int = 2) -> None:
    """The same processes work on, nobody was taken for dead, and nothing is lost."""
    assert {each.pid for each in workers.members()} == before
    store = open_store(url).store
    found = [number(store.read, sql) for sql in (PRESENT, TAKEN, LOSSES)]
    store.close()
    assert found == [count, 0, 0]


def pids(workers: Process) -> set[int]:
    return {each.pid for each in workers.members()}


def test_a_server_that_is_killed_and_restarted_costs_no_attempt_and_no_worker(
    server: Cluster, place: Workplace, url: str, processes: Processes, witness: Witness
) -> None:
    workers = start(processes, place, url)
    before = pids(workers)
    with Client(app=app) as client:
        handles = order(client)
        for away_s in (0.0, 5.0):
            wait_for_work(witness)
            server.kill()
            pause(away_s)
            server.start()
        more = order(client, 2)
    collect(url, witness, [*handles, *more])
    all_live(url, workers, before)


def pause(seconds: float) -> None:
    """Time in which nobody answers; it is the fault itself."""
    time.sleep(seconds)


def test_a_partition_of_all_costs_no_attempt_and_no_worker(
    server: Cluster, place: Workplace, url: str, processes: Processes, witness: Witness,
    tmp_path: Path,
) -> None:  # fmt: skip
    with Cable(url, server.port) as cable:
        more = {**place.more, "DATABASE_URL": cable.url}
        away = Workplace(tmp_path / "home", place.url, MODULE, more)
        workers = start(processes, away, url)
        before = pids(workers)
        with Client(url, app=app) as client:
            handles = order(client)
        for _ in range(2):
            wait_for_work(witness)
            cable.pull()
            pause(3.0)
            cable.plug()
        collect(url, witness, handles)
        all_live(url, workers, before)


def test_who_stands_still_in_a_transaction_does_not_keep_others_from_writing(
    place: Workplace, url: str, processes: Processes, witness: Witness
) -> None:
    workers = start(processes, place, url)
    before = pids(workers)
    with Client(url, app=app) as client:
        handles = order(client, 2)
        stopped = processes.start(place, sys.executable, "-c", WRITES_AND_STOPS, url)
        process = psutil.Process(stopped.pid)
        eventually(lambda: process.status() == psutil.STATUS_STOPPED, within=PATIENCE_S)
        handles += order(client, 2)
    collect(url, witness, handles)
    all_live(url, workers, before)
    stopped.tell(signal.SIGCONT)
    assert stopped.wait(within=20) == 1
    assert "InDoubtError" in stopped.output
