from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Processes, processes_in
from tests.rabbitmq import fresh_vhost


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts processes; none outlives the test."""
    with processes_in(tmp_path / "logs") as found:
        yield found


@pytest.fixture
def vhost() -> Iterator[str]:
    """The address of a vhost of the test's own."""
    with fresh_vhost() as url:
        yield url
