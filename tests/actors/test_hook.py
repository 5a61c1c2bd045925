"""A hook of discovery is run to its end, or ended; why it failed is told, wherever it may write."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.discovery import service
from actors.discovery.errors import ServiceError
from actors.discovery.journal import Journal
from actors.discovery.service import Hook, Subprocess
from actors.errors import AbandonedError
from tests.actors.rq_fleet import Heard, context_of
from tests.eventually import eventually

NO_SUCH = ("/bin/sh", "-c", "echo no such unit; exit 3")


class Notes(Journal):
    """A journal in memory."""

    def __init__(self) -> None:
        self.notes: dict[str, Any] = {}

    def read(self, name: str) -> Any:
        return self.notes.get(name)

    def note(self, name: str, value: Any) -> Any:
        return self.notes.setdefault(name, value)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "home" / "discovery.log"


@pytest.fixture
def no_log(tmp_path: Path) -> Path:
    """A log that nobody can write, not even root."""
    (tmp_path / "home").touch()
    return tmp_path / "home" / "discovery.log"


def run(words: str | tuple[str, ...], log: Path, heard: Heard | None = None) -> dict[str, Any]:
    command = ("/bin/sh", "-c", words) if isinstance(words, str) else words
    return Hook(command, log).start(context_of("restarting", heard), Notes())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("echo first; echo no such unit >&2; exit 3", "ended with code 3; .*: 'no such unit'$"),
        ("yes no | head -c 100000; echo; echo lost; exit 1", "ended with code 1; .*: 'lost'$"),
        ("exit 1", "ended with code 1; .*: ''$"),
        (("/no/such",), "ended with code 127; .*/no/such"),
    ],
)
def test_one_that_fails_says_why(words: str | tuple[str, ...], says: str, log: Path) -> None:
    log.parent.mkdir()
    log.write_text("of another restart\n")
    with pytest.raises(ServiceError, match=says):
        run(words, log)


def test_one_that_takes_too_long_is_ended(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "HOOK_TAKES", timedelta(seconds=0.1))
    with pytest.raises(ServiceError, match=r"did not end within 0:00:00\.1"):
        run("exec sleep 60", log)


def test_one_that_nobody_wants_any_longer_is_ended(log: Path) -> None:
    with pytest.raises(AbandonedError):
        run("exec sleep 60", log, Heard(cancelled=True))
    eventually(lambda: service.find_marked("restart_1:restarting") is None, within=5.0)


def test_its_reason_is_told_without_a_home(no_log: Path) -> None:
    assert run("true", no_log)["started_by"] == "hook"
    with pytest.raises(ServiceError, match=r"ended with code 3; .*: 'no such unit'$"):
        run(NO_SUCH, no_log)


def test_nothing_that_can_be_written_is_an_error_of_the_service(
    no_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError("no space left")

    monkeypatch.setattr(service, "TemporaryFile", full)
    with pytest.raises(ServiceError, match="DISCOVERY_HOOK cannot be run: no space left"):
        run("true", no_log)


def test_a_command_without_a_log_is_an_error_of_the_service(no_log: Path) -> None:
    with pytest.raises(ServiceError, match=r"DISCOVERY_COMMAND cannot be started: .*home"):
        Subprocess(("true",), no_log).start(context_of("restarting"), Notes())


def test_what_it_leaves_survives_our_terminal(log: Path) -> None:
    own = "import os, sys; sys.exit(os.getsid(0) != os.getpid())"
    run((sys.executable, "-c", own), log)


def test_what_it_leaves_goes_on_writing_to_the_log(log: Path) -> None:
    run("echo starting; (sleep 0.1; echo working) &", log)
    eventually(lambda: log.read_text() == "starting\nworking\n", within=5.0)
