"""Many seeds of the simulation: `make simulate SEEDS=20000`, or `FIRST=` to begin at another.

Each failing seed is run again with fewer and fewer actions, as long as it still fails. What was
not tried often enough, a transition or a failpoint, fails the run as well.
"""

import argparse
import gc
import logging
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from orchestration.store.postgres import PostgresStore
from tests import databases
from tests.simulation import coverage
from tests.simulation.world import Simulation

ACTIONS = 150
AT_ONCE = 20
LEAST = {10_000: 100, 500: 1}  # number of seeds: how often everything must be tried
AGAIN = "make simulate SEEDS=1 FIRST={}"
AGAIN_ON_POSTGRES = "python -m tests.simulate --postgres --seeds 1 --first {}"


class Found(NamedTuple):
    """The outcome of one seed.

    Attributes:
        trace: The traceback of the failure; None: there is none.
        actions: The fewest actions that are known to be enough for it.
        covered: How often each transition was taken and each failpoint reached.
    """

    seed: int
    trace: str | None
    actions: int
    covered: Counter[str]


def play(seed: int, actions: int = ACTIONS) -> Found:
    """Run one seed in memory."""
    simulation = Simulation(seed)
    trace = None
    try:
        simulation.run(actions)
    except Exception:  # noqa: BLE001 - whatever breaks is the finding
        trace = traceback.format_exc()
    return Found(seed, trace, actions, simulation.covered())


def examine(seed: int) -> Found:
    """Run one seed, and find the fewest actions with which it fails."""
    found = play(seed)
    fewest, enough = 0, ACTIONS
    while found.trace is not None and fewest < enough:
        middle = (fewest + enough) // 2
        shorter = play(seed, middle)
        if shorter.trace is None:
            fewest = middle + 1
        else:
            enough, found = middle, shorter
    return found


def on_postgres(seeds: range) -> list[Found]:
    """Run seeds on PostgreSQL, one after the other in one schema."""
    found = []
    with databases.schema() as url:
        for seed in seeds:
            store, trace = databases.emptied(PostgresStore(url)), None
            simulation = Simulation(seed, store)
            try:
                simulation.run(ACTIONS)
            except Exception:  # noqa: BLE001 - whatever breaks is the finding
                trace = traceback.format_exc()
            found.append(Found(seed, trace, ACTIONS, simulation.covered()))
            store.close()
    return found


def calm() -> None:
    """Mute warnings, and exempt present objects from garbage collection, in this process."""
    logging.disable(logging.WARNING)
    gc.freeze()


def main() -> int:
    """Run all seeds; return 0 if every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--postgres", action="store_true", help="on a server, not in memory")
    asked = parser.parse_args()
    began = time.monotonic()
    seeds = range(asked.first, asked.first + asked.seeds)
    with ProcessPoolExecutor(asked.jobs, initializer=calm) as pool:
        if asked.postgres:
            shares = [seeds[number :: asked.jobs] for number in range(asked.jobs)]
            results = (found for share in pool.map(on_postgres, shares) for found in share)
        else:
            results = (found for found in pool.map(examine, seeds, chunksize=AT_ONCE))
        failures, covered = tallied(results, AGAIN_ON_POSTGRES if asked.postgres else AGAIN)
    seconds = time.monotonic() - began
    print(f"{asked.seeds} seeds, {failures} failures, {seconds:.0f} s")
    if asked.postgres:
        return 1 if failures else 0
    return 1 if report(covered, asked.seeds) or failures else 0


def tallied(results: Iterator[Found], repeat: str) -> tuple[int, Counter[str]]:
    """Print each failure; return their number, and what all seeds have covered."""
    failures, covered = 0, Counter[str]()
    for found in results:
        covered += found.covered
        if found.trace is not None:
            failures += 1
            print(f"\nseed {found.seed} fails with {found.actions} actions:\n{found.trace}")
            print(f"again: {repeat.format(found.seed)}\n", flush=True)
    return failures, covered


def report(covered: Counter[str], seeds: int) -> bool:
    """Print how often everything was tried; return whether anything was too rarely or illegal."""
    least = next((times for many, times in LEAST.items() if seeds >= many), 0)
    for name in sorted(coverage.every(), key=lambda each: (covered[each], each)):
        print(f"{covered[name]:>10}  {name}")
    short, strange = coverage.short_of(covered, least), coverage.beyond(covered)
    for name in short:
        print(f"tried too rarely: {name}, not {least}")
    for name in strange:
        print(f"not in any table: {name}")
    return bool(short or strange)


if __name__ == "__main__":
    sys.exit(main())
