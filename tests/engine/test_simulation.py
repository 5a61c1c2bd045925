"""Many seeds of the simulation; a failing one fails again, alone: `-k 'seed-17'`."""

import pytest

from orchestration.store.postgres import PostgresStore
from tests import databases
from tests.engine.simulation import Simulation


@pytest.mark.parametrize("seed", range(60), ids=lambda seed: f"seed-{seed}")
def test_every_promise_is_kept_whatever_happens(seed: int) -> None:
    Simulation(seed).run(actions=150)


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed-{seed}")
def test_every_promise_is_kept_on_postgresql_too(seed: int, shared_schema: str) -> None:
    store = databases.emptied(PostgresStore(shared_schema))
    Simulation(seed, store).run(actions=150)
    store.close()
