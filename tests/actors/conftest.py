from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Processes, processes_in
from tests.actors.rq_fleet import RqFleet
from tests.redis_server import redis_in


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts processes; none outlives the test."""
    with processes_in(tmp_path / "logs") as found:
        yield found


@pytest.fixture
def redis_url(quick_path: Path) -> Iterator[str]:
    """The address of a Redis server that only this test has."""
    with redis_in(quick_path) as url:
        yield url


@pytest.fixture
def rq(redis_url: str, processes: Processes, tmp_path: Path) -> Iterator[RqFleet]:
    """RQ workers that only this test has."""
    fleet = RqFleet(redis_url, processes, tmp_path)
    yield fleet
    fleet.close()
