"""What all tests share: servers and stores of their own, and a word about what was left out."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestration.ports import Store
from orchestration.store.postgres import PostgresStore
from orchestration.store.sqlite import MemoryStore, SqliteStore
from tests import databases
from tests.clock import FakeClock
from tests.rabbitmq import fresh_vhost

SERVERS = {"rabbitmq": "RabbitMQ", "postgres": "PostgreSQL", "redis": "Redis"}
MEMORY = Path("/dev/shm")  # noqa: S108 - each test has a directory of its own there
LEFT_OUT = Path(__file__).parent.parent / ".left-out"
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


@pytest.fixture
def empty_schema() -> Iterator[str]:
    with databases.schema() as url:
        yield url


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: most tests of a store are not about the disk."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as directory:
        yield Path(directory)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, quick_path: Path) -> Iterator[Store]:
    opened: Store
    match request.param:
        case "memory":
            opened = MemoryStore()
        case "sqlite":
            opened = SqliteStore(quick_path / "store.db")
        case _:
            opened = databases.emptied(PostgresStore(request.getfixturevalue("shared_schema")))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tests a missing server has cost, and note it for `make test`."""
    skipped = terminalreporter.getreports("skipped")
    for marker, server in SERVERS.items():
        count = sum(marker in report.keywords for report in skipped)
        if count:
            line = f"{count} TESTS LEFT OUT: there is no {server} here"
            terminalreporter.write_line(line, red=True, bold=True)
            with LEFT_OUT.open("a") as note:
                note.write(line + "\n")
