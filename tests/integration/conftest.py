from collections.abc import Iterator

import pytest

from tests.clock import FakeClock
from tests.integration.workshop import Anvil, Workshop


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    found = Anvil()
    yield found
    found.free.set()


@pytest.fixture
def workshop(anvil: Anvil, clock: FakeClock) -> Workshop:
    return Workshop(anvil.app, clock)
