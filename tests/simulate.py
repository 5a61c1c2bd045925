"""Many seeds of the simulation: `make simulate SEEDS=20000`, or `FIRST=` to begin at another.

Each failing seed is run again with fewer and fewer actions, as long as it still fails.
"""

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from tests.engine.simulation import Simulation

ACTIONS = 150
AT_ONCE = 20


class Failure(NamedTuple):
    """A seed that breaks a promise, and the fewest actions that are known to be enough."""

    seed: int
    actions: int
    trace: str


def play(seed: int, actions: int = ACTIONS) -> str | None:
    """Run one seed; the traceback of what broke, or None."""
    try:
        Simulation(seed).run(actions)
    except Exception:  # noqa: BLE001 - whatever breaks is the finding
        return traceback.format_exc()
    return None


def examine(seed: int) -> Failure | None:
    """Run one seed, and find the fewest actions with which it fails."""
    trace = play(seed)
    if trace is None:
        return None
    fewest, enough = 0, ACTIONS
    while fewest < enough:
        middle = (fewest + enough) // 2
        shorter = play(seed, middle)
        if shorter is None:
            fewest = middle + 1
        else:
            enough, trace = middle, shorter
    return Failure(seed, enough, trace)


def main() -> int:
    """Run them all; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    began = time.monotonic()
    with ProcessPoolExecutor(asked.jobs) as pool:
        seeds = range(asked.first, asked.first + asked.seeds)
        failures = [found for found in pool.map(examine, seeds, chunksize=AT_ONCE) if found]
    for each in failures:
        print(f"\nseed {each.seed} fails with {each.actions} actions:\n{each.trace}")
    seconds = time.monotonic() - began
    print(f"{asked.seeds} seeds, {len(failures)} failures, {seconds:.0f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
