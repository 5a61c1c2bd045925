from collections.abc import Iterator
from contextlib import closing

import pytest

from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.integration.workshop import Anvil, MoodyStore, Workshop


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
