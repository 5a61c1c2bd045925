"""The engine is broken in eighteen places, one at a time: the simulation notices each."""

import pytest

from tests.simulate import play
from tests.simulation.mutants import MUTANTS

MOST_SEEDS = 300
SKIPPED = {  # seeds that are known to see nothing, so that the wait for the one that does is short
    "fence dropped": 50,
    "acknowledged before commit": 70,
    "forgotten before it is told": 40,
    "time of a schedule not taken": 165,
}


def test_there_are_eighteen() -> None:
    assert len(MUTANTS) == 18


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_catches(name: str) -> None:
    with MUTANTS[name]():
        seeds = range(SKIPPED.get(name, 0), MOST_SEEDS)
        caught = next((seed for seed in seeds if play(seed).trace), None)
    assert caught is not None, f"seeds {seeds.start} to {seeds.stop} did not see that {name}"
