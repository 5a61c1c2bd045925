"""The witness: a file outside the store in which every process writes its actions, in order.

Each write appends one line, and syncs it: the order of the lines is the order of events, for every
process of this machine.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "WITNESS_FILE"
START, END, FAIL = "start", "end", "fail"
TOLD, KILLED, RESUMED = "told", "killed", "resumed"


@dataclass(frozen=True, slots=True)
class Line:
    """One event.

    `start`, `end` and `fail` are events of an attempt, written by its handler; `told`: a client
    learnt the end of its run (`step` holds the status); `killed`: a process (`pid`) was killed on
    purpose, or stopped, and does nothing from then on (`step` may hold how); `resumed`: a stopped
    process goes on.
    """

    what: str
    run: str = "-"
    step: str = "-"
    branch: int = 0
    attempt: int = 0
    pid: int = 0
    at: float = 0.0

    @property
    def key(self) -> tuple[str, str, int]:
        return self.run, self.step, self.branch


class Witness:
    """The file, for writing and reading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Witness":
        return cls(Path(environment[VARIABLE]))

    def write(self, line: Line) -> None:
        assert " " not in line.step
        words = (line.what, line.run, line.step, line.branch, line.attempt, line.pid)
        text = " ".join(map(str, (*words, time.monotonic()))) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> list[Line]:
        if not self.path.exists():
            return []
        return [read(text) for text in self.path.read_text().splitlines()]


def read(text: str) -> Line:
    what, run, step, branch, attempt, pid, at = text.split()
    return Line(what, run, step, int(branch), int(attempt), int(pid), float(at))
