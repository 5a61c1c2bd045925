"""The same step for every contender: add one, carry the payload, take the time that is asked for.

Only the standard library is needed here: peers run in an environment of their own.
"""

import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

STEPS = 5
PAYLOAD, PAUSE, FILE = "BENCH_PAYLOAD", "BENCH_PAUSE", "BENCH_FILE"
LINE = len(f"{'0' * 32} {0.0:20.6f}\n")


def payload() -> str:
    """The payload that every result carries."""
    return "x" * int(os.environ.get(PAYLOAD, "0"))  # noqa: TID251 - how the benchmark tells it


def work(before: int) -> tuple[int, str]:
    """One step: the next number, and the payload."""
    pause = float(os.environ.get(PAUSE, "0"))  # noqa: TID251 - how the benchmark tells it
    if pause:
        time.sleep(pause)
    return before + 1, payload()


def new_id() -> str:
    """An id for a chain."""
    return uuid.uuid4().hex  # noqa: TID251 - nothing of ours is imported here


class Ends:
    """A file in which the last step of each chain writes: id and time, in lines of one length."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path or os.environ[FILE]  # noqa: TID251 - how the benchmark tells it
        self._file = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)

    def write(self, chain: str) -> None:
        """Write that a chain has ended."""
        os.write(self._file, f"{chain} {time.time():20.6f}\n".encode())  # noqa: TID251 - as above

    def count(self) -> int:
        """How many chains have ended."""
        return os.fstat(self._file).st_size // LINE

    def times(self) -> Mapping[str, float]:
        """When each chain has ended."""
        lines = (line.split() for line in Path(self._path).read_text("ascii").splitlines())
        return {chain: float(at) for chain, at in lines}


class Chains:
    """What all peers have in common as contenders."""

    def __init__(self) -> None:
        self.ends = Ends()

    def ended(self) -> int:
        """How many chains have ended so far."""
        return self.ends.count()

    def end_times(self) -> Mapping[str, float]:
        """When each chain has ended; each has the right result."""
        times = self.ends.times()
        wrong = [chain for chain in times if self.result(chain) != (STEPS, payload())]
        if wrong:
            raise AssertionError(f"wrong results: {wrong[:3]}")
        return times

    def result(self, chain: str) -> tuple[int, str]:
        """The result of a chain, as the peer keeps it."""
        raise NotImplementedError

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()  # noqa: TID251 - as above
