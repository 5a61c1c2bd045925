"""Services that start discovery's workers again: the platform, a command, or this process."""

import subprocess
from datetime import timedelta
from os import SEEK_END, killpg
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryFile
from threading import Thread
from typing import BinaryIO, Protocol

import psutil

from actors.discovery.controller import Answer, await_until
from actors.discovery.errors import ServiceError
from actors.discovery.journal import Journal
from orchestration import Context
from orchestration.settings import Settings

MARK = "DISCOVERY_RESTARTED_BY"
HOOK_TAKES = timedelta(minutes=2)
HOOKED = "hooked"
LOG = "discovery.log"
LONGEST_LINE = 300
TAIL_BYTES = 4096


class Service(Protocol):
    """Starts the workers; a repeated start of the same step starts nothing more.

    Attributes:
        advice: Where to look if no worker starts.
        all_return: Whether as many workers come back as were stopped; else at least one does.
    """

    all_return: bool

    @property
    def advice(self) -> str:
        """Where to look if no worker starts."""
        ...

    def start(self, context: Context, journal: Journal) -> Answer:
        """Start the workers, and return without waiting for them.

        Raises:
            ServiceError: The workers cannot be started.
            AbandonedError: The attempt has lost its claim.
        """
        ...


class Platform:
    """A supervisor (systemd, a container platform) that restarts workers that have ended."""

    advice = "start workers, or set DISCOVERY_HOOK or DISCOVERY_COMMAND"
    all_return = True

    def start(self, context: Context, journal: Journal) -> Answer:  # noqa: ARG002 - the platform does it
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
        return f"see what DISCOVERY_HOOK starts; it writes to {self._log}, if that can be written"

    def start(self, context: Context, journal: Journal) -> Answer:
        """Run the command to its end, unless an earlier attempt saw it succeed.

        Raises:
            ServiceError: It cannot be run, failed, or took longer than two minutes.
            AbandonedError: The attempt has lost its claim; the command was ended.
        """
        answer = {"started_by": "hook", "command": self._command[0]}
        if journal.read(HOOKED) is None:
            try:
                self._run(context)
            except OSError as error:
                raise ServiceError(f"DISCOVERY_HOOK cannot be run: {error}") from error
            journal.note(HOOKED, answer)
        return answer

    def _run(self, context: Context) -> None:
        with self._words() as words:
            begin = words.seek(0, SEEK_END)
            process = started(self._command, context, words)
            try:
                (code,) = await_until(
                    context, lambda: (process.poll(),), lambda now: now[0] is not None, HOOK_TAKES
                )
            finally:
                if process.poll() is None:
                    killpg(process.pid, SIGKILL)  # with all that it waits for
                    process.wait()
            if code is None:
                raise ServiceError(f"DISCOVERY_HOOK did not end within {HOOK_TAKES}")
            if code:
                said = last_line(words, begin)  # a worker of an earlier restart may have said it
                raise ServiceError(
                    f"DISCOVERY_HOOK ended with code {code}; the last new line of its log: {said!r}"
                )

    def _words(self) -> BinaryIO:
        """Open what the command writes to.

        A pipe would be waited for until the last worker in the background closes it.
        """
        try:
            return appending(self._log)
        except OSError:  # a hook needs no home, and its reason is told all the same
            return TemporaryFile()


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

    def start(self, context: Context, journal: Journal) -> Answer:  # noqa: ARG002 - the process is the note
        """Start the process, unless one that an earlier attempt started still lives.

        Raises:
            ServiceError: It cannot be started, or its log cannot be written.
        """
        pid = find_marked(context.idempotency_key)
        if pid is None:
            try:
                pid = self._start(context)
            except OSError as error:
                raise ServiceError(f"DISCOVERY_COMMAND cannot be started: {error}") from error
        return {"started_by": "subprocess", "command": self._command[0], "pid": pid}

    def _start(self, context: Context) -> int:
        with appending(self._log) as log:
            process = started(self._command, context, log)
        Thread(target=process.wait, name="discovery-service", daemon=True).start()
        return process.pid


def service_of(settings: Settings) -> Service:
    """The service that the settings name; by default the platform."""
    log = settings.orchestration_home.absolute() / LOG
    if settings.discovery_hook:
        return Hook(settings.discovery_hook, log)
    if settings.discovery_command:
        return Subprocess(settings.discovery_command, log)
    return Platform()


def appending(log: Path) -> BinaryIO:
    """Open a log to append to and read it; its directory is made where it is missing."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return log.open("a+b")


def last_line(words: BinaryIO, begin: int) -> str:
    """The last line, cut short, of what was written to a file after its first `begin` bytes."""
    words.seek(max(begin, words.seek(0, SEEK_END) - TAIL_BYTES))
    said = words.read().decode("utf-8", "replace")
    return said.strip().rpartition("\n")[2][:LONGEST_LINE]


def started(command: tuple[str, ...], context: Context, words: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a command, with the key of its step in its environment.

    It has a session of its own: Ctrl-C in ours does not end the workers that it leaves.
    """
    return subprocess.Popen(  # noqa: S603 - the operator's own command
        ["/usr/bin/env", f"{MARK}={context.idempotency_key}", *command],
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def find_marked(key: str) -> int | None:
    """The process id of the process that was started for this restart, if it lives."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == key:
                return process.pid
        except psutil.Error:  # it has ended, or belongs to another user
            continue
    return None
