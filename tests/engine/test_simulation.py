"""Many seeds of the simulation; a failing one fails again, alone: `-k 'seed-17'`."""

import pytest

from tests.engine.simulation import Simulation


@pytest.mark.parametrize("seed", range(60), ids=lambda seed: f"seed-{seed}")
def test_every_promise_is_kept_whatever_happens(seed: int) -> None:
    Simulation(seed).run(actions=150)
