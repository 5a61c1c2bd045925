"""Throughput with a million runs in the store, beside that with none, in turn."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

from benchmarks import history
from benchmarks.bus import Goal
from benchmarks.load import Size
from benchmarks.ours import run_at, run_embedded
from orchestration.clock import SystemClock
from orchestration.store import control
from orchestration.store.connect import open_store

RUNS = 1_000_000
RESULT_BYTES = 500  # of a run; no new run reads old results
OVER = timedelta(days=90)
RATIO = Goal("with a million runs in the store, of the rate with none", at_least=0.95)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rounds, one after the other, in workflows a second."""

    none: float
    many: float


def run_large(size: Size, rounds: int) -> list[Pair]:
    """Fill one store, then measure on it and on new stores in turn."""
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home))
        return [Pair(run_embedded(size).rate, run_at(home, size).rate) for _ in range(rounds)]


def fill(home: Path) -> None:
    """A store of many finished runs, the last of them now."""
    with closing(open_store(f"sqlite:///{home / 'orchestration.db'}").store) as store:
        store.write(lambda session: control.ensure(session, "bench"))
        history.fill(store, RUNS, SystemClock().now(), OVER, RESULT_BYTES)


def lines(pairs: list[Pair]) -> Iterator[str]:
    """The figures for people."""
    for name, rates in (
        ("none", [each.none for each in pairs]),
        (f"{RUNS}", [each.many for each in pairs]),
    ):
        yield (
            f"       ours embedded, {name} in the store: {median(rates):.0f} workflows/s"
            f" ({min(rates):.0f} to {max(rates):.0f})"
        )
    yield RATIO.line(median(each.many / each.none for each in pairs))
