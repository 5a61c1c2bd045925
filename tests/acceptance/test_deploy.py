"""The Procfile's processes as a platform runs them: started together, told to end twice."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from orchestration.client import Client
from tests.acceptance.processes import ROOT, Process, Processes, Workplace
from tests.acceptance.promises import MODULE
from tests.acceptance.victims import reading, workers
from tests.acceptance.witness import END, START, VARIABLE, Witness
from tests.acceptance.witnessed import app
from tests.eventually import eventually
from tests.rabbitmq import control

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(120)]

HONCHO = (sys.executable, "-m", "honcho")
TOKEN = "a long random word for tests"  # noqa: S105
MOST_S, MOST_CONNECTIONS = 25, 12
Enter = Callable[[Workplace], None]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def place(vhost: str, witness: Witness, tmp_path: Path, enter: Enter) -> Workplace:
    more = {
        VARIABLE: str(witness.path),
        "PORT": str(free_port()),
        "ORCHESTRATION_API_TOKEN": TOKEN,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    found = Workplace(tmp_path / "home", vhost, MODULE, more)
    enter(found)
    return found


@pytest.fixture
def honcho(tmp_path: Path) -> tuple[str, ...]:
    """Starts what the Procfile names, for the fleet of the test."""
    text = (ROOT / "Procfile").read_text("utf-8")
    (tmp_path / "Procfile").write_text(text.replace("dramatiq actors", f"dramatiq {MODULE}"))
    return (*HONCHO, "-f", str(tmp_path / "Procfile"), "-d", str(ROOT), "start")


@pytest.fixture
def fleet(place: Workplace, processes: Processes, honcho: tuple[str, ...]) -> Iterator[Process]:
    """Web, worker and scheduler, once the console says that they are ready."""
    code, said = processes.run(place, *honcho, "release")
    assert code == 0, said
    found = processes.start(place, *honcho, "web", "worker", "scheduler")
    ready = f"http://127.0.0.1:{place.more['PORT']}/health/ready"

    def is_ready() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(ready).status_code == 200 and bool(workers(place.home))
        return False

    eventually(is_ready, within=40, what="the fleet is ready")
    children = psutil.Process(found.pid).children(recursive=True)
    yield found
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def test_a_platform_s_two_signals_end_everything_in_time_and_lose_nothing(
    place: Workplace, processes: Processes, fleet: Process, witness: Witness
) -> None:
    listed = control("list_connections", "vhost").split()
    assert listed.count(str(place.url).rpartition("/")[2]) <= MOST_CONNECTIONS
    with Client(app=app) as client:
        handle = client.start("delivery", {"parcels": [1, 2, 3], "dwell": 1.0})
        eventually(
            lambda: any((line.what, line.step) == (START, "carrying") for line in witness.lines()),
            within=20,
        )
        children = psutil.Process(fleet.pid).children(recursive=True)
        told = time.monotonic()
        for _ in "ab":
            for process in children:  # honcho gives each a session of its own, a platform does not
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGTERM)
            fleet.tell(signal.SIGTERM)
            eventually(lambda: not workers(place.home), within=MOST_S)
        fleet.wait(within=MOST_S)
        _, left = psutil.wait_procs(children, timeout=MOST_S)
        assert not left
        assert time.monotonic() - told < MOST_S
        assert "ending" in fleet.output
        started = {line.key for line in witness.lines() if line.what == START}
        assert {line.key for line in witness.lines() if line.what == END} == started
        processes.workers(place, MODULE, "-p", "1", "-t", "4")
        assert handle.result(30) == {"packed": 3, "delivered": 12}
    with reading(place.home) as store:
        assert store.execute("SELECT SUM(losses) FROM steps").fetchone() == (0,)
