"""Bare Dramatiq: a chain of five messages with confirms, and no durable state."""

import os
import tempfile
from pathlib import Path

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.figures import Measured
from benchmarks.load import STEPS, Size, measure
from benchmarks.peers.work import work
from benchmarks.servers import vhost, workers
from orchestration.clock import SystemClock, new_id

URL, FILE = "BENCH_URL", "BENCH_FILE"
QUEUE = "bare"


class Ends:
    """A file in which the last message of each chain writes: id, count, time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        self._clock = SystemClock()

    def write(self, chain: str, count: int) -> None:
        """Write that a chain has ended, in lines of one length."""
        at = self._clock.now().timestamp()
        os.write(self._file, f"{chain} {count} {at:20.6f}\n".encode())

    def count(self) -> int:
        """How many chains have ended."""
        return os.fstat(self._file).st_size // len(f"{'0' * 32} 0 {0.0:20.6f}\n")

    def read(self) -> list[list[str]]:
        """Every line, split into words."""
        return [line.split() for line in Path(self._path).read_text("ascii").splitlines()]


def declare(url: str, ends: Ends) -> "dramatiq.Actor[[str, int, str], None]":
    """The actor of the chain on a broker of its own."""
    broker = RabbitmqBroker(url=url, confirm_delivery=True)
    dramatiq.set_broker(broker)

    @dramatiq.actor(queue_name=QUEUE, broker=broker)
    def hop(chain: str, count: int, _carried: str) -> None:
        _, carries = work(count - 1)
        if count == STEPS:
            ends.write(chain, count)
        else:
            hop.send(chain, count + 1, carries)

    return hop


class Hops:
    """Chains of messages to the actor."""

    def __init__(self, url: str, ends: Ends) -> None:
        self._hop = declare(url, ends)
        self._ends = ends

    def begin(self) -> str:
        """Start one chain, and return its id."""
        chain = new_id()
        self._hop.send(chain, 1, "")
        return chain

    def ended(self) -> int:
        """How many chains have ended so far."""
        return self._ends.count()

    def end_times(self) -> dict[str, float]:
        """When each chain ended; each has counted to the end."""
        lines = self._ends.read()
        if any(int(count) != STEPS for _, count, _ in lines):
            raise AssertionError("a chain ended before its end")
        return {chain: float(at) for chain, _, at in lines}

    def now(self) -> float:
        """Seconds since 1970."""
        return SystemClock().now().timestamp()


def run_bare(size: Size) -> Measured:
    """One round of bare Dramatiq."""
    with tempfile.TemporaryDirectory() as home, vhost() as url:
        path = str(Path(home) / "ends")
        with workers("benchmarks.bare", {URL: url, FILE: path}):
            return measure(Hops(url, Ends(path)), size)


if URL in os.environ:  # noqa: TID251 - this is a worker process of the benchmark
    declare(os.environ[URL], Ends(os.environ[FILE]))  # noqa: TID251
