"""How the cost grows with what there is: `python -m benchmarks.growth`, as JSON and as pictures."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchmarks import chain, plot
from benchmarks.alone import Alone, alone
from benchmarks.load import Size
from benchmarks.ours import run_brokered
from orchestration import Agent, App, Context, Step, Workflow
from orchestration.ports import Session

RUNS = 100
TRIES = 3
Point = tuple[float, float]
OLD = "'chain_' || printf('%012x', (i * 5666512183571) % 281474976710656)"  # anywhere among the new
COPY_RUNS = (
    "INSERT INTO runs (id, command, plan, parameters, sender, priority, rank, needs_slot, status,"  # noqa: S608 - constants
    " generation, progress, created_at, started_at, ended_at, tallies)"
    " WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
    f" SELECT {OLD}, command, plan, parameters, sender, priority, rank - i, 1, 'completed', 1,"
    " 1, created_at - i, started_at - i, created_at - i + 1, tallies"
    " FROM n, (SELECT * FROM runs ORDER BY created_at LIMIT 1) r ORDER BY 1"
)
COPY_STEPS = (
    "INSERT INTO steps (run_id, step, branch, agent, offer, status, rank, attempt, result,"  # noqa: S608 - constants
    " opened_at, ended_at, ended_order)"
    " WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
    f" SELECT {OLD}, step, branch, agent, offer, status, rank, 1, result, opened_at, ended_at,"
    " ended_order FROM n, (SELECT * FROM steps WHERE run_id = ?) s ORDER BY 1"
)
COPY_EVENTS = (
    "INSERT INTO events (run_id, at, kind, step, branch)"  # noqa: S608 - constants
    " WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
    f" SELECT {OLD}, at, kind, step, branch FROM n, (SELECT * FROM events WHERE run_id = ?) e"
)


class Wide(BaseModel):
    """Parameters of the workflow that fans out."""

    items: list[int] = []


def nothing(_context: Context) -> None:
    """Never called: the benchmark itself completes the steps."""


def wide_app() -> App:
    """One step with as many branches as there are items."""
    step = Step("pack", "counter", "count", for_each="parameters.items")
    flow = Workflow("wide", parameters=Wide, steps=[step])
    return App(agents=[Agent("counter", actions={"count": nothing})], workflows=[flow])


def many_app(agents: int) -> App:
    """A chain of five steps, and many agents that have nothing to do with it."""
    idle = [Agent(f"idle{number}", actions={"count": nothing}) for number in range(agents - 1)]
    return App(agents=[*chain.app.agents, *idle], workflows=chain.app.workflows)


def timed(work: Callable[[], object]) -> float:
    """Processor time in seconds: the time on the disk would say more about the disk."""
    began = time.process_time()
    work()
    return time.process_time() - began


def quickest(work: Callable[[], object]) -> float:
    """The least processor time of some tries: other work of the machine only adds to it."""
    return min(timed(work) for _ in range(TRIES))


def in_order(fleet: Alone) -> float:
    """Milliseconds a five-step run, one after the other."""

    def work() -> None:
        for _ in range(RUNS):
            fleet.begin("chain")
            fleet.finish()

    return 1000 * quickest(work) / RUNS


def in_flight(sizes: Sequence[int]) -> list[Point]:
    """Milliseconds a run beside so many other runs that wait for a thread."""
    points = []
    for size in sizes:
        with alone(chain.app) as fleet:
            for _ in range(size - 1):
                fleet.begin("chain")
            fleet.lose_messages()
            points.append((float(size), in_order(fleet)))
    return points


def in_store(sizes: Sequence[int]) -> list[Point]:
    """Milliseconds a run in a store of so many ended runs."""
    points = []
    with alone(chain.app) as fleet:
        first = fleet.begin("chain")
        fleet.finish()
        have = 1
        for size in sizes:
            if size > have:
                fleet.engine.store.write(lambda s, a=have, b=size: fill(s, first, a, b))  # type: ignore[misc]
                have = size
            points.append((float(size), in_order(fleet)))
    return points


def fill(session: Session, first: str, have: int, size: int) -> None:
    """Copy an ended run until the store has so many."""
    session.run(COPY_RUNS, have, size)
    session.run(COPY_STEPS, have, size, first)
    session.run(COPY_EVENTS, have, size, first)


def by_agents(sizes: Sequence[int]) -> list[Point]:
    """Milliseconds a run with a worker that serves so many agents."""
    points = []
    for size in sizes:
        with alone(many_app(size)) as fleet:
            points.append((float(size), in_order(fleet)))
    return points


def by_branches(sizes: Sequence[int]) -> list[Point]:
    """Milliseconds a branch of one run with so many."""
    points = []
    for size in sizes:
        with alone(wide_app()) as fleet:

            def work(fleet: Alone = fleet, size: int = size) -> None:
                fleet.begin("wide", {"items": list(range(size))})
                fleet.finish()

            points.append((float(size), 1000 * quickest(work) / size))
    return points


def by_results(sizes: Sequence[int]) -> list[Point]:
    """Milliseconds a run whose five results have so many bytes each."""
    points = []
    for size in sizes:
        with alone(chain.app) as fleet:
            made = "x" * size

            def work(fleet: Alone = fleet, made: str = made) -> None:
                fleet.begin("chain")
                fleet.finish(lambda _: made)

            points.append((float(size), 1000 * quickest(work)))
    return points


def by_processes(sizes: Sequence[int]) -> list[Point]:
    """Runs a second on RabbitMQ with so many worker processes: the median of some tries."""
    size = Size(alone=0, many=300, in_flight=100)

    def rate(count: int) -> float:
        return statistics.median(run_brokered(size, processes=count).rate for _ in range(TRIES))

    return [(float(count), rate(count)) for count in sizes]


CURVES: dict[str, tuple[Callable[[Sequence[int]], list[Point]], tuple[int, ...], str]] = {
    "workflows in flight": (in_flight, (1, 10, 100, 1_000, 10_000), "ms a run"),
    "workflows in the store": (in_store, (1, 1_000, 10_000, 100_000, 1_000_000), "ms a run"),
    "agents of a worker": (by_agents, (1, 10, 100, 1_000), "ms a run"),
    "branches of a run": (by_branches, (1, 10, 100, 500), "ms a branch"),
    "bytes of a result": (by_results, (1_000, 10_000, 100_000, 1_000_000, 10_000_000), "ms a run"),
    "worker processes": (by_processes, (1, 2, 3, 4), "runs/s"),
}


def curves(most: int, without: Sequence[str]) -> dict[str, Any]:
    """Every curve but some, each printed once it is measured."""
    found = {}
    for name, (measure, sizes, unit) in CURVES.items():
        if name not in without:
            wanted = [size for size in sizes if size <= most or name == "bytes of a result"]
            points = measure(wanted)
            found[name] = {"unit": unit, "points": points}
            print(name, unit, [(int(x), round(y, 2)) for x, y in points], flush=True)
    return found


def main() -> None:
    """Measure, print, and write what was found."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    words.add_argument("--most", type=int, default=1_000_000, help="leave out what is larger")
    words.add_argument("--without", nargs="*", default=[], help="curves to leave out")
    words.add_argument("--out", type=Path, help="where the JSON goes, and an SVG beside it")
    given = words.parse_args()
    with ThreadPoolExecutor(1) as worker:  # a main thread would write by a stand-in
        found = worker.submit(curves, given.most, given.without).result()
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        given.out.with_suffix(".svg").write_text(plot.curves(found), encoding="utf-8")


if __name__ == "__main__":
    main()
