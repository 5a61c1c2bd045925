from collections.abc import Iterator
from contextlib import closing

import pytest

from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.integration.brokers import VHOSTS
from tests.integration.workshop import Anvil, MoodyStore, Workshop
from tests.rabbitmq import QUEUE_TYPE, fresh_vhost


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    found = Anvil()
    yield found
    found.free.set()


@pytest.fixture
def moody() -> Iterator[MoodyStore]:
    """A store that can be away."""
    with closing(MoodyStore()) as opened:
        yield opened


@pytest.fixture
def workshop(anvil: Anvil, clock: FakeClock, memory: MemoryStore) -> Workshop:
    return Workshop(anvil.app, clock, memory)


@pytest.fixture(scope="module")
def classic_vhost() -> Iterator[str]:
    with fresh_vhost() as url:
        yield url


@pytest.fixture(scope="module")
def quorum_vhost() -> Iterator[str]:
    with fresh_vhost() as url:
        yield url


@pytest.fixture(scope="module")
def module_vhost(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(VHOSTS[QUEUE_TYPE]))
