"""How soon a command starts, and how much memory an idle process takes."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.servers import PROCESSES, rabbitmq_version, vhost, wait_until, workers
from orchestration import settings
from orchestration.runtime.embedded import embedded
from orchestration.store import workers as table
from orchestration.store.connect import open_store

MIB = 1024 * 1024
ROUNDS = 5
REST_S = 5.0
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure, and its upper bound."""

    name: str
    at_most: float
    measured: float

    def line(self) -> str:
        """The figure, hit or missed, for people."""
        word = "met" if self.measured <= self.at_most else "MISSED"
        return f"{word:7}{self.name}, at most {self.at_most:g}: {self.measured:.0f}"


def run_start_up() -> list[Bound]:
    """Measure start-up in seconds of real time, and resident memory."""
    orchestrate = [sys.executable, "-m", "orchestration"]
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ) | {"ORCHESTRATION_HOME": home}  # noqa: TID251 - for processes
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the first round compiles, as users' does
        help_s = median(lambda: seconds([*orchestrate, "--help"], environment))
        check_s = median(lambda: seconds([*orchestrate, "run", "health_check"], environment))
    found = [
        Bound("orchestrate --help, ms", 150, help_s * 1000),
        Bound("orchestrate run health_check, embedded, ms", 1_000, check_s * 1000),
        Bound("memory of an embedded process at rest, MiB", 120, embedded_mib()),
    ]
    if rabbitmq_version():
        found.append(Bound("memory of a worker process at rest, MiB", 90, worker_mib()))
    return found


def median(measure: Callable[[], float]) -> float:
    """The median of several rounds."""
    return statistics.median(measure() for _ in range(ROUNDS))


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)  # noqa: S603
    return time.perf_counter() - began


def embedded_mib() -> float:
    """The memory of an idle process that runs the whole fleet."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.start_up", EMBEDDED],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return float(done.stdout)


def worker_mib() -> float:
    """The memory of the largest idle worker process of AMC-TRADER's fleet."""
    with tempfile.TemporaryDirectory() as home, vhost() as url:
        environment = {"RABBITMQ_URL": url, "ORCHESTRATION_HOME": home, "LOG_LEVEL": "WARNING"}
        store = open_store(f"sqlite:///{Path(home) / 'orchestration.db'}").store
        try:
            with workers("actors", environment):
                wait_until(lambda: len(store.read(table.present)) == PROCESSES)
                time.sleep(REST_S)
                pids = [row.pid for row in store.read(table.present)]
                return max(psutil.Process(pid).memory_info().rss for pid in pids) / MIB
        finally:
            store.close()


def rest_embedded() -> float:
    """Run AMC-TRADER's fleet in this process for a moment, and return the MiB that it takes."""
    from actors import app  # noqa: PLC0415 - only the measured process pays for it

    with tempfile.TemporaryDirectory() as home:
        found = settings.load({"ORCHESTRATION_HOME": home})
        with embedded(app, found):
            time.sleep(REST_S)
            return psutil.Process().memory_info().rss / MIB


if __name__ == "__main__" and sys.argv[1:] == [EMBEDDED]:
    print(rest_embedded())
