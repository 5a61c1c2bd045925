"""The next release takes over from the last one, process by process, under work."""

import shutil
import signal
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.client import Client
from orchestration.store import workers
from tests.acceptance.processes import ROOT, Process, Processes, Workplace
from tests.acceptance.relay_race import app
from tests.acceptance.witness import VARIABLE, Witness
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(180)]

RECORDED = max((ROOT / "tests/replay").glob("*.tar.xz"))
MODULE = "tests.acceptance.relay_race"
PACKAGES = ("orchestration", "scheduler.py")
MORE = "ALTER TABLE steps ADD COLUMN later TEXT;\nCREATE TABLE later (id {serial});\n"
RUNS, STAGES, STEPS = 200, 4, 3
PATIENCE_S = 60.0
Enter = Callable[[Workplace], None]


def release(place: Workplace, packages: Path) -> Workplace:
    """The same place, worked at by the packages of another release."""
    path = {"PYTHONPATH": f"{packages}:{ROOT}", "PYTHONSAFEPATH": "1"}
    return replace(place, more={**place.more, **path}, measured=False)


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """The recorded release."""
    with tarfile.open(RECORDED) as archive:
        archive.extractall(tmp_path / "last", filter="data")
    return tmp_path / "last"


@pytest.fixture
def next_(tmp_path: Path) -> Path:
    """This release, with a migration that the one before it does not know."""
    target = tmp_path / "next"
    target.mkdir()
    shutil.copytree(ROOT / PACKAGES[0], target / PACKAGES[0])
    shutil.copy(ROOT / PACKAGES[1], target)
    (target / PACKAGES[0] / "store/migrations/9999_later.sql").write_text(MORE)
    return target


class Fleet:
    """Workers and a scheduler of whichever release."""

    def __init__(self, processes: Processes, module: str) -> None:
        self._processes = processes
        self._module = module

    def worker(self, place: Workplace, packages: Path) -> Process:
        words = (self._module, "-p", "1", "-t", "4", "--path", str(packages))
        return self._processes.workers(release(place, packages), *words)

    def scheduler(self, place: Workplace, packages: Path) -> Process:
        script = str(packages / PACKAGES[1])
        return self._processes.start(release(place, packages), sys.executable, script)

    def orchestrate(self, place: Workplace, packages: Path, *words: str, code: int = 0) -> str:
        command = (sys.executable, "-m", "orchestration", *words)
        ended, said = self._processes.run(release(place, packages), *command)
        assert ended == code, said
        return said


def end(process: Process) -> None:
    process.tell(signal.SIGTERM)
    assert process.wait(within=PATIENCE_S) == 0, process.output


def test_200_runs_finish_while_one_release_replaces_the_other(  # noqa: PLR0913, PLR0917
    vhost: str,
    witness: Witness,
    tmp_path: Path,
    enter: Enter,
    processes: Processes,
    last: Path,
    next_: Path,
) -> None:
    more = {VARIABLE: str(witness.path), "MAX_CONCURRENT_WORKFLOWS": "20"}
    place = Workplace(tmp_path / "home", vhost, MODULE, more)
    enter(place)
    runs: list[str] = []
    fleet = Fleet(processes, MODULE)
    fleet.orchestrate(place, last, "migrate")
    old = [fleet.worker(place, last), fleet.worker(place, last), fleet.scheduler(place, last)]

    def more_work() -> None:
        with Client(app=app) as client:
            for _ in range(RUNS // STAGES):
                runs.append(client.start("race", {"number": len(runs)}).workflow_id)
            eventually(lambda: client.workflow(runs[-1]).status()["progress"] > 0, within=60)

    fleet.orchestrate(place, next_, "migrate", "--check", code=1)
    assert "9999_later" in fleet.orchestrate(place, next_, "migrate")
    more_work()
    assert [process.ended for process in old] == [None] * 3, "they work on after the migration"
    for number, begin in enumerate((fleet.worker, fleet.worker, fleet.scheduler)):
        begin(place, next_)
        end(old[number])
        more_work()

    with Client(app=app) as client:
        for number, run_id in enumerate(runs):
            assert client.workflow(run_id).result(PATIENCE_S) == number
        engine = client.engine
        assert len(engine.store.read(workers.present)) == 2
        gone = engine.store.read(lambda s: s.all("SELECT release FROM workers WHERE left_at > 0"))
    assert [name for (name,) in gone] == [RECORDED.name.removesuffix(".tar.xz")] * 2
    done = Counter(line.key for line in witness.lines())
    assert (len(done), set(done.values())) == (RUNS * STEPS, {1}), "each step once"
