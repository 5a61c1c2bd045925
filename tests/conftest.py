"""What all tests share: a RabbitMQ of their own, and a word about what had to be left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rabbitmq import fresh_vhost

SERVERS = {"rabbitmq": "RabbitMQ", "postgres": "PostgreSQL"}
LEFT_OUT = Path(__file__).parent.parent / ".left-out"


@pytest.fixture
def vhost() -> Iterator[str]:
    """The address of a vhost that only this test has."""
    with fresh_vhost() as url:
        yield url


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
