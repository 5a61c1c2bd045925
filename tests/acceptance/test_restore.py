"""A backup is made while a fleet works, the fleet is killed, and the backup put back."""

import json
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.client import Client
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.witness import END, START, VARIABLE, Witness
from tests.acceptance.witnessed import app
from tests.databases import schema
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgres, pytest.mark.timeout(120)]

MODULE = "tests.acceptance.witnessed"
ORCHESTRATE = (sys.executable, "-m", "orchestration")
RUNS, PARCELS = 12, [1, 2]
DONE = "SELECT run_id, step, branch FROM steps WHERE status = 'completed'"
OPEN = "SELECT id FROM runs WHERE ended_at IS NULL"
PATIENCE_S = 40.0
Enter = Callable[[Workplace], None]
Key = tuple[str, str, int]


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    if kind == "sqlite":
        yield {}
        return
    with schema() as url:
        yield {"DATABASE_URL": url}


@dataclass(frozen=True)
class Site:
    """A place where fleets work one after the other."""

    place: Workplace
    processes: Processes

    def start(self) -> list[Process]:
        workers = [self.processes.workers(self.place, MODULE, "-p", "1", "-t", "4") for _ in "ab"]
        return [*workers, self.processes.scheduler(self.place)]

    def orchestrate(self, *words: str) -> str:
        code, said = self.processes.run(self.place, *ORCHESTRATE, *words)
        assert code == 0, said
        return said


def saved(file: Path, sql: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def ends(witness: Witness, after: int = 0) -> Counter[Key]:
    return Counter(line.key for line in witness.lines()[after:] if line.what == END)


@pytest.fixture(params=["sqlite", "postgres"])
def site(
    request: pytest.FixtureRequest,
    vhost: str,
    witness: Witness,
    tmp_path: Path,
    enter: Enter,
    processes: Processes,
) -> Iterator[Site]:
    with database(request.param) as more:
        more |= {VARIABLE: str(witness.path), "MAX_CONCURRENT_WORKFLOWS": "4"}
        place = Workplace(tmp_path / "home", vhost, MODULE, more)
        enter(place)
        yield Site(place, processes)


def test_a_backup_of_a_fleet_at_work_is_put_back_and_finishes(
    site: Site, witness: Witness, tmp_path: Path
) -> None:
    file, first = tmp_path / "backup", site.start()
    with Client(app=app) as client:
        order = {"parcels": PARCELS, "dwell": 0.4}
        runs = [client.start("delivery", order).workflow_id for _ in range(RUNS)]
        eventually(lambda: len(ends(witness)) > 6, within=PATIENCE_S)
        site.orchestrate("backup", str(file))
        before = len(ends(witness))
        eventually(lambda: len(ends(witness)) > before + 3, within=PATIENCE_S)
    for process in first:
        process.tell_group(signal.SIGKILL)
        process.wait(within=10)

    said = site.orchestrate("restore", str(file), "--replace", "--yes", "-o", "json")
    assert sorted(json.loads(said)["paused"]) == sorted(run for (run,) in saved(file, OPEN))
    killed_at = len(witness.lines())
    site.start()
    with Client(app=app) as client:
        fresh = client.start("crowd", {"people": [1]})
        fresh.result(PATIENCE_S)
        begun = {line.run for line in witness.lines()[killed_at:] if line.what == START}
        assert begun == {fresh.workflow_id}, "what is new is done, and what is paused is not"
        site.orchestrate("workflows", "resume", "--status", "paused", "--yes")
        for run in runs:
            assert client.workflow(run).result(PATIENCE_S) == {"packed": 2, "delivered": 6}
    again = ends(witness, killed_at)
    done = {(run, step, int(branch)) for run, step, branch in saved(file, DONE)}
    assert not done & again.keys(), "what was finished in the backup is not done again"
    assert max(again.values()) == 1, "and nothing is done twice"
