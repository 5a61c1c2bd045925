"""A fleet for each test, over each of the three stores."""

from collections.abc import Callable

import pytest

from orchestration.definitions import Workflow
from orchestration.ports import Store
from tests.clock import FakeClock
from tests.engine.fleet import Fleet, app_of

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def fleet_of(store: Store, clock: FakeClock) -> MakeFleet:
    """Makes a fleet of some workflows; keyword arguments are the limits of agents."""

    def make(*workflows: Workflow, **limits: int) -> Fleet:
        return Fleet(store, clock, app_of(*workflows, limits=limits))

    return make
