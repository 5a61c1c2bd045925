"""Many seeds of the simulation; a failing one fails again, alone: `-k 'seed-17'`."""

import subprocess
import sys

import pytest

from orchestration.failpoints import MEANINGS, Failpoint
from orchestration.store.postgres import PostgresStore
from tests import databases
from tests.acceptance.processes import ROOT
from tests.simulate import ACTIONS, play
from tests.simulation import coverage
from tests.simulation.world import Simulation

SEED = """
import hashlib, sys
from tests.simulation.world import Simulation

for seed in sys.argv[1:]:
    simulation = Simulation(int(seed))
    simulation.run(150)
witness = simulation.witness
told = repr((sorted(simulation.covered().items()), witness.completed, dict(witness.told)))
print(hashlib.sha256(told.encode()).hexdigest())
"""
ENDED_ATTEMPT = (
    "INSERT INTO attempts (run_id, step, branch, attempt, outcome, worker, started_at, ended_at,"
    " fraction, message) VALUES ('run', 'step', 3, 1, 'failed', 'w1', 0, 0, 0, '')"
)


@pytest.mark.parametrize("seed", range(40), ids=lambda seed: f"seed-{seed}")
def test_every_promise_is_kept_whatever_happens(seed: int) -> None:
    Simulation(seed).run(ACTIONS)


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed-{seed}")
def test_every_promise_is_kept_on_postgresql_too(seed: int, shared_schema: str) -> None:
    store = databases.emptied(PostgresStore(shared_schema))
    Simulation(seed, store).run(ACTIONS)
    store.close()


def test_a_seed_is_the_same_story_in_every_process_whatever_was_told_before() -> None:
    assert story_of("3", salt="1") == story_of("7", "5", "3", salt="2")


def story_of(*seeds: str, salt: str) -> bytes:
    """A digest of all that happens in the last, in a process whose sets have another order."""
    command, path = [sys.executable, "-c", SEED, *seeds], {"PYTHONPATH": str(ROOT)}
    environment = path | {"PYTHONHASHSEED": salt}
    return subprocess.run(
        command, check=True, capture_output=True, timeout=60, cwd=ROOT, env=environment
    ).stdout


def test_a_command_that_leaves_after_its_attempt_is_noticed_in_a_fan_out_too() -> None:
    simulation = Simulation(1)
    simulation.check_command("run:step[3]:1")
    simulation.store.write(lambda s: s.run(ENDED_ATTEMPT))
    simulation.check_command("run:step[2]:1")
    with pytest.raises(AssertionError, match="no command leaves after its attempt"):
        simulation.check_command("run:step[3]:1")


def test_every_failpoint_has_a_meaning_and_is_reached() -> None:
    assert MEANINGS.keys() == set(Failpoint)
    covered = play(1).covered
    assert {f"reached {point}" for point in Failpoint} <= covered.keys()
    assert coverage.beyond(covered) == []
