"""The engine is broken in eighteen places, one at a time: the simulation notices each."""

import pytest

from tests.simulate import play
from tests.simulation.mutants import MUTANTS

MOST_SEEDS = 300


def test_there_are_eighteen() -> None:
    assert len(MUTANTS) == 18


@pytest.mark.timeout(180)  # the last is seen after 169 seeds
@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_catches(name: str) -> None:
    with MUTANTS[name]():
        caught = next((seed for seed in range(MOST_SEEDS) if play(seed).trace), None)
    assert caught is not None, f"{MOST_SEEDS} seeds did not see that {name}"
