"""Processes that a test starts, and that never outlive it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "RABBITMQ_QUEUE_TYPE")
AT_ONCE = 50
MEASURED = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")


@dataclass(frozen=True)
class Workplace:
    """The place of a fleet of processes: a directory, perhaps a broker, and further settings."""

    home: Path
    url: str | None = None
    app: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    measured: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of its processes, without variables of the test's own."""
        names = KEPT + MEASURED if self.measured else KEPT
        found = {name: os.environ[name] for name in names if name in os.environ}
        return found | {"PYTHONPATH": str(ROOT)} | self.settings

    @property
    def settings(self) -> dict[str, str]:
        """The part of the environment that our settings read."""
        found = {"ORCHESTRATION_HOME": str(self.home)}
        if self.url is not None:
            found["RABBITMQ_URL"] = self.url
        if self.app is not None:
            found["ORCHESTRATION_APP"] = self.app
        return found | dict(self.more)


class Process:
    """A started command with all of its children: one process group."""

    def __init__(self, command: list[str], workplace: Workplace, log: Path) -> None:
        self.log = log
        self.command = command
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                dying_with_us(command),
                cwd=ROOT,
                env=workplace.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def ended(self) -> int | None:
        """The exit code; None while it runs."""
        return self._popen.poll()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text("utf-8", "replace")

    def wait(self, within: float) -> int:
        """The exit code, once it has ended."""
        try:
            return self._popen.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} runs on; it said:\n{self.output[-3000:]}") from None

    def tell(self, number: signal.Signals) -> None:
        """Signal the first process alone."""
        self._popen.send_signal(number)

    def tell_group(self, number: signal.Signals) -> None:
        """Signal every process in the group, as platforms do."""
        for member in self.members():
            with suppress(psutil.NoSuchProcess):
                member.send_signal(number)

    def members(self) -> list[psutil.Process]:
        """Every live process of its group, orphans included."""
        return [each for each in psutil.process_iter() if group_of(each) == self.pid]

    def end(self) -> None:
        """Kill whatever is left of it."""
        while members := [m for m in self.members() if not is_gone(m)]:
            for member in members:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            self._popen.poll()
        self._popen.wait()

    def __repr__(self) -> str:
        return f"<{' '.join(self.command)}, pid {self.pid}>"


class Processes:
    """Starts processes that log to a directory."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._all: list[Process] = []

    def start(self, workplace: Workplace, *command: str) -> Process:
        """Start a command at a workplace."""
        number = len(self._all)
        log = self._logs / f"{number:02d}-{Path(command[0]).name}.log"
        process = Process([*command], workplace, log)
        self._all.append(process)
        return process

    def run(self, workplace: Workplace, *command: str, within: float = 30) -> tuple[int, str]:
        """The exit code and output of a command that ends by itself."""
        process = self.start(workplace, *command)
        return process.wait(within), process.output

    def workers(self, workplace: Workplace, *words: str) -> Process:
        """Start `dramatiq`."""
        return self.start(workplace, sys.executable, "-m", "dramatiq", *words)

    def scheduler(self, workplace: Workplace) -> Process:
        """Start `scheduler.py`."""
        return self.start(workplace, sys.executable, str(ROOT / "scheduler.py"))

    def orchestrate(self, workplace: Workplace, *words: str) -> Process:
        """Start the command line."""
        return self.start(workplace, sys.executable, "-m", "orchestration", *words)

    def close(self) -> None:
        """End all that is left."""
        for process in self._all:
            process.end()


@contextmanager
def processes_in(logs: Path) -> Iterator[Processes]:
    """Processes that have ended when the block has."""
    logs.mkdir(parents=True, exist_ok=True)
    found = Processes(logs)
    try:
        yield found
    finally:
        found.close()


def dying_with_us(command: list[str]) -> list[str]:
    """The command, killed by the system when the thread that starts it is gone."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command


def group_of(process: psutil.Process) -> int | None:
    """The process group of a process, if it is still there."""
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended, or is a zombie that its parent has not waited for."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def freeze(process: psutil.Process) -> None:
    """Stop a process, and return once it is stopped: at once, except under great load.

    Raises:
        psutil.NoSuchProcess: It has ended meanwhile.
    """
    process.suspend()
    eventually(lambda: is_gone(process) or stands_still(process), within=30)
    if is_gone(process):
        raise psutil.NoSuchProcess(process.pid)


def stands_still(process: psutil.Process) -> bool:
    """Whether a process is stopped; a few looks, since that hardly ever takes longer."""
    return any(process.status() == psutil.STATUS_STOPPED for _ in range(AT_ONCE))
