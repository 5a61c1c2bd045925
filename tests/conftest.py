"""Fixtures of all tests: servers and stores of their own, and a report of what was skipped."""

import faulthandler
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import pytest

from orchestration.ports import Store
from orchestration.store.sqlite import MemoryStore, SqliteStore
from tests import databases
from tests.clock import FakeClock
from tests.rabbitmq import VHOSTS, fresh_vhost

SERVERS = {
    "rabbitmq": "RabbitMQ",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "prometheus": "Prometheus",
    "browser": "chromium",
}
MEMORY = Path("/dev/shm")  # noqa: S108 - each test has a directory of its own there
ROOT = Path(__file__).parent.parent
LEFT_OUT = ROOT / ".left-out"
HUNG = ROOT / ".hung"
NOTE = pytest.StashKey[TextIO]()
KINDS = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def vhost() -> Iterator[str]:
    """The address of a vhost that only this test has."""
    with fresh_vhost() as url:
        yield url


@pytest.fixture(scope="session")
def shared_schema() -> Iterator[str]:
    with databases.schema() as url:
        yield url


@pytest.fixture(scope="session")
def kept_store() -> Iterator[databases.Kept]:
    with databases.schema() as url, closing(databases.Kept(url)) as kept:
        yield kept


@pytest.fixture
def empty_schema() -> Iterator[str]:
    with databases.schema() as url:
        yield url


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, if there is one: most tests of a store are not about the disk."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store on SQLite, to be copied: quicker than its migrations for each test."""
    made = tmp_path_factory.mktemp("store") / "store.db"
    SqliteStore(made).close()
    return made


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, quick_path: Path, migrated: Path) -> Iterator[Store]:
    match request.param:
        case "memory":
            with closing(MemoryStore()) as memory:
                yield memory
        case "sqlite":
            with closing(SqliteStore(Path(copy(migrated, quick_path / "store.db")))) as sqlite:
                yield sqlite
        case _:
            with request.getfixturevalue("kept_store").lent() as postgres:
                yield postgres


@pytest.fixture
def memory() -> Iterator[MemoryStore]:
    """A store in memory, for tests that no other kind would do for."""
    with closing(MemoryStore()) as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_configure(config: pytest.Config) -> None:
    """Open the file that `pytest_timeout_set_timer` writes to."""
    config.stash[NOTE] = note = HUNG.open("a")
    config.add_cleanup(note.close)


def pytest_sessionfinish() -> None:
    """Delete the vhosts that tests have used."""
    VHOSTS.close()


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Write every thread's stack shortly before a hanging test is ended with its process."""
    faulthandler.dump_traceback_later(settings.timeout * 0.95, file=item.config.stash[NOTE])


def pytest_timeout_cancel_timer() -> None:
    """Cancel that: the test has ended by itself."""
    faulthandler.cancel_dump_traceback_later()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show where tests hung, and loudly which tests a missing server has cost, for `make test`."""
    if HUNG.is_file() and (stacks := HUNG.read_text("utf-8")):
        terminalreporter.section("where tests hung")
        terminalreporter.write(stacks)
    skipped = terminalreporter.getreports("skipped")
    for marker, server in SERVERS.items():
        count = sum(marker in report.keywords for report in skipped)
        if count:
            line = f"{count} TESTS LEFT OUT: there is no {server} here"
            terminalreporter.write_line(line, red=True, bold=True)
            with LEFT_OUT.open("a") as note:
                note.write(line + "\n")
