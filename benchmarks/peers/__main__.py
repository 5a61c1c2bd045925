"""`python -m benchmarks.peers`: everybody in turn, several rounds, in one run.

Peers run in an environment of their own, each at the best of a small grid of its settings; ours
runs at its defaults. A figure comes out only where every result was right.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.bare import run_bare
from benchmarks.figures import Measured, spread
from benchmarks.load import Size
from benchmarks.ours import run_brokered, run_embedded
from benchmarks.peers import chart
from benchmarks.peers.databases import schema
from benchmarks.peers.work import FILE, PAUSE, PAYLOAD
from benchmarks.servers import vhost

ROOT = Path(__file__).parent.parent.parent
REDIS = "redis://127.0.0.1:6379/9"
PATIENCE_S = 120.0
Run = Callable[[Size], Measured]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another product that does such work.

    Attributes:
        store: `sqlite`, `file` or `postgres`; empty for one that has RabbitMQ.
        durability: What is on disk when, in a few words.
        grid: The values to try for each of its settings.
        prepare: Whether its program first makes tables of its own.
    """

    name: str
    program: str
    store: str
    durability: str
    grid: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    prepare: bool = False


PEERS = (
    Peer(
        "Celery, RabbitMQ, Redis",
        "celery",
        "",
        "messages on disk, confirmed, acknowledged late; results in Redis's memory",
        {"concurrency": (2, 4), "prefetch": (1, 16)},
    ),
    Peer("DBOS, SQLite", "dbos", "sqlite", "each step a commit"),
    Peer("DBOS, PostgreSQL", "dbos", "postgres", "each step a commit"),
    Peer(
        "Huey, SQLite", "huey", "file", "each task a commit with fsync; no run", {"workers": (2, 8)}
    ),
    Peer(
        "Procrastinate, PostgreSQL",
        "procrastinate",
        "postgres",
        "each job a commit; no run, no results",
        {"concurrency": (2, 16)},
        prepare=True,
    ),
)
OURS: Mapping[str, tuple[Run, str]] = {
    "ours, embedded, SQLite": (run_embedded, "each step a commit, synchronous=FULL"),
    "ours, RabbitMQ, SQLite": (run_brokered, "the same; messages confirmed"),
    "ours, RabbitMQ, PostgreSQL": (
        lambda size: on_postgres(size),  # noqa: PLW0108 - it is declared below
        "the same, synchronous_commit=on",
    ),
    "bare Dramatiq, RabbitMQ": (run_bare, "messages confirmed; no run, no results"),
}


def on_postgres(size: Size) -> Measured:
    """One round of ours with the store in a schema of its own."""
    with schema() as url:
        return run_brokered(size, database=url)


def run_peer(peer: Peer, python: str, chosen: Mapping[str, int], size: Size) -> Measured:
    """One round of a peer, in a directory, vhost or schema of its own."""
    with corner(peer) as corners:
        environment = dict(os.environ) | corners | {"PYTHONPATH": str(ROOT)}  # noqa: TID251 - theirs
        if peer.prepare:
            prepare = [python, "-m", f"benchmarks.peers.theirs.{peer.program}_chain"]
            subprocess.run(prepare, env=environment, check=True, capture_output=True)  # noqa: S603
        words = [f"{name}={value}" for name, value in chosen.items()]
        done = subprocess.run(  # noqa: S603
            [
                *(python, "-m", "benchmarks.peers.contender", peer.program),
                *("--many", str(size.many), "--in-flight", str(size.in_flight)),
                *("--alone", str(size.alone), "--warm-up", str(size.warm_up), "--set", *words),
            ],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{peer.name}: {done.stderr[-600:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def corner(peer: Peer) -> Iterator[dict[str, str]]:
    """The directory, vhost or schema that a peer needs, which is gone afterwards."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        stores = {"sqlite": f"sqlite:///{home}/bench.db", "file": f"{home}/bench.db"}
        if peer.store == "postgres":
            stores["postgres"] = stack.enter_context(schema())
        yield {
            "BENCH_BROKER": "" if peer.store else stack.enter_context(vhost()),
            "BENCH_REDIS": REDIS,
            "BENCH_DATABASE": stores.get(peer.store, ""),
            FILE: f"{home}/ends",
        }


def best(peer: Peer, python: str, size: Size) -> dict[str, int]:
    """The settings with which a peer is fastest, by one short round each."""
    grid = [dict(zip(peer.grid, values, strict=True)) for values in product(*peer.grid.values())]
    if len(grid) == 1 or not size.many:
        return grid[-1]
    return max(grid, key=lambda chosen: run_peer(peer, python, chosen, size).rate)


def contenders(python: str, size: Size) -> dict[str, tuple[Run, str, Mapping[str, int]]]:
    """Every contender's measurement, its durability, and the settings chosen for it."""
    found: dict[str, tuple[Run, str, Mapping[str, int]]] = {
        name: (run, durability, {}) for name, (run, durability) in OURS.items()
    }
    for peer in PEERS:
        try:
            chosen = best(peer, python, size)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        found[peer.name] = partial(run_peer, peer, python, chosen), peer.durability, chosen
    return found


def main() -> None:
    """Measure, print, and write what was found."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    words.add_argument("--python", required=True, help="the interpreter of the peers' environment")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--many", type=int, default=300, help="workflows a round (300)")
    words.add_argument("--in-flight", type=int, default=100, help="how many at once (100)")
    words.add_argument("--payload", type=int, default=0, help="bytes that each result carries")
    words.add_argument("--pause", type=float, default=0.0, help="seconds that each step takes")
    words.add_argument("--no-grid", action="store_true", help="the largest settings, untried")
    words.add_argument("--out", type=Path, help="where the JSON goes, and an SVG beside it")
    given = words.parse_args()
    os.environ.update({PAYLOAD: str(given.payload), PAUSE: str(given.pause)})  # noqa: TID251 - theirs
    size = Size(alone=30, many=given.many, in_flight=given.in_flight)
    tried = 0 if given.no_grid else given.many // 3
    everybody = contenders(given.python, Size(0, tried, given.in_flight, warm_up=20))
    rounds: dict[str, list[Measured]] = {name: [] for name in everybody}
    for _ in range(given.rounds):
        for name, (run, _, _) in everybody.items():
            rounds[name].append(run(size))
            print(f"{name}: {rounds[name][-1].rate:.1f}/s", file=sys.stderr, flush=True)
    found = {
        "work": {"payload": given.payload, "pause_s": given.pause, "rounds": given.rounds}
        | asdict(size),
        "contenders": {
            name: {
                "workflows_per_s": asdict(spread(rounds[name], lambda each: each.rate)),
                "alone_p50_ms": asdict(spread(rounds[name], alone_ms)),
                "durability": durability,
                "chosen": dict(chosen),
            }
            for name, (_, durability, chosen) in everybody.items()
        },
    }
    print("\n".join(chart.lines(found)))
    if given.out:
        given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        given.out.with_suffix(".svg").write_text(chart.bars(found), encoding="utf-8")


def alone_ms(measured: Measured) -> float:
    """The median time of a workflow with nothing beside it."""
    ordered = sorted(measured.alone_s)
    return 1000 * ordered[len(ordered) // 2]


if __name__ == "__main__":
    main()
