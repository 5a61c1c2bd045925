from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.market.market import Market
from orchestration.context import Shared
from tests.acceptance.processes import Processes, processes_in
from tests.actors.markets import MemoryShared, make_market, unhurried
from tests.actors.rq_fleet import RqFleet
from tests.actors.stub_vendors import StubVendors, serving
from tests.clock import FakeClock
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


@pytest.fixture
def stub() -> Iterator[StubVendors]:
    """The three vendors, on this machine."""
    with serving() as stub, unhurried():
        yield stub


@pytest.fixture
def shared() -> Shared:
    return MemoryShared()


@pytest.fixture
def market(stub: StubVendors, clock: FakeClock, tmp_path: Path, shared: Shared) -> Market:
    return make_market(stub, clock, tmp_path, shared)
