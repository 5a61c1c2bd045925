"""Services that start discovery's workers again: the platform, a command, or this process."""

import subprocess
from datetime import timedelta
from os import SEEK_END
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Protocol

import psutil

from actors.discovery.controller import Answer
from actors.discovery.errors import ServiceError
from actors.discovery.journal import Journal
from orchestration.settings import Settings

MARK = "DISCOVERY_RESTARTED_BY"
HOOK_TAKES = timedelta(minutes=2)
HOOKED = "hooked"
LOG = "discovery.log"
LONGEST_LINE = 300
TAIL_BYTES = 4096


class Service(Protocol):
    """Starts the workers; a repeated start with the same key starts nothing more.

    Attributes:
        advice: Where to look if no worker starts.
        all_return: Whether as many workers come back as were stopped; else at least one does.
    """

    all_return: bool

    @property
    def advice(self) -> str:
        """Where to look if no worker starts."""
        ...

    def start(self, key: str, journal: Journal) -> Answer:
        """Start the workers, and return without waiting for them.

        Raises:
            ServiceError: The workers cannot be started.
        """
        ...


class Platform:
    """A supervisor (systemd, a container platform) that restarts workers that have ended."""

    advice = "start workers, or set DISCOVERY_HOOK or DISCOVERY_COMMAND"
    all_return = True

    def start(self, key: str, journal: Journal) -> Answer:  # noqa: ARG002 - the platform does it
        """Leave it to the platform."""
        return {"started_by": "platform"}


class Hook:
    """A command that has the workers started, and ends; its environment names the restart.

    It may leave workers in the background: what they say is logged with its own words.
    """

    all_return = True

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self._command = command
        self._log = log

    @property
    def advice(self) -> str:
        """Where to look when no worker comes."""
        return f"see what DISCOVERY_HOOK starts; it wrote to {self._log}"

    def start(self, key: str, journal: Journal) -> Answer:
        """Run the command to its end, unless an earlier attempt saw it succeed.

        Raises:
            ServiceError: It cannot be run, failed, or took longer than two minutes.
        """
        answer = {"started_by": "hook", "command": self._command[0]}
        if journal.read(HOOKED) is None:
            self._run(key)
            journal.note(HOOKED, answer)
        return answer

    def _run(self, key: str) -> None:
        with appending(self._log) as log:
            begin = log.tell()
            try:
                # A pipe would be waited for until the last worker in the background closes it.
                done = subprocess.run(  # noqa: S603 - the operator's own command
                    marked(self._command, key),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=HOOK_TAKES.total_seconds(),
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise ServiceError(f"DISCOVERY_HOOK did not end within {HOOK_TAKES}") from None
        if done.returncode:
            said = last_line(self._log, begin)
            raise ServiceError(f"DISCOVERY_HOOK ended with code {done.returncode}: {said}")


class Subprocess:
    """A process on this machine that outlives ours; it may be a pool of workers."""

    all_return = False

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self._command = command
        self._log = log

    @property
    def advice(self) -> str:
        """Where to look when no worker comes."""
        return f"DISCOVERY_COMMAND wrote to {self._log}"

    def start(self, key: str, journal: Journal) -> Answer:  # noqa: ARG002 - the process is the note
        """Start the process, unless one that an earlier attempt started still lives."""
        pid = find_marked(key)
        if pid is None:
            pid = self._start(key)
        return {"started_by": "subprocess", "command": self._command[0], "pid": pid}

    def _start(self, key: str) -> int:
        with appending(self._log) as log:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command
                marked(self._command, key),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        Thread(target=process.wait, name="discovery-service", daemon=True).start()
        return process.pid


def service_of(found: Settings) -> Service:
    """The service that the settings name; by default the platform."""
    log = found.orchestration_home.absolute() / LOG
    if found.discovery_hook:
        return Hook(found.discovery_hook, log)
    if found.discovery_command:
        return Subprocess(found.discovery_command, log)
    return Platform()


def appending(log: Path) -> BinaryIO:
    """Open a log to append to it; its directory is made where it is missing."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return log.open("ab")


def last_line(log: Path, begin: int) -> str:
    """The last line, cut short, of what was written to a log after its first `begin` bytes."""
    with log.open("rb") as file:
        file.seek(max(begin, file.seek(0, SEEK_END) - TAIL_BYTES))
        said = file.read().decode("utf-8", "replace")
    return said.strip().rpartition("\n")[2][:LONGEST_LINE]


def marked(command: tuple[str, ...], key: str) -> list[str]:
    """The command with the key of its restart in its environment."""
    return ["/usr/bin/env", f"{MARK}={key}", *command]


def find_marked(key: str) -> int | None:
    """The process id of the process that was started for this restart, if it lives."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == key:
                return process.pid
        except psutil.Error:  # it has ended, or belongs to another user
            continue
    return None
