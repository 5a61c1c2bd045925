"""One round of one peer, in its own environment: `python -m benchmarks.peers.contender NAME`."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any

from benchmarks.load import WARM_UP, Size, measure

SETTLE_S = 3.0
PATIENCE_S = 20.0


@contextmanager
def consumers(command: list[str]) -> Iterator[None]:
    """The peer's worker processes."""
    if not command:
        yield
        return
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            time.sleep(SETTLE_S)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Measure, and print one JSON value."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("peer", choices=["celery", "dbos", "huey", "procrastinate"])
    words.add_argument("--many", type=int, required=True)
    words.add_argument("--in-flight", type=int, required=True)
    words.add_argument("--alone", type=int, default=10)
    words.add_argument("--warm-up", type=int, default=WARM_UP)
    words.add_argument("--set", nargs="*", default=[], help="name=number, of the peer's grid")
    given = words.parse_args()
    chosen = {name: int(value) for name, value in (each.split("=") for each in given.set)}
    peer: Any = import_module(f"benchmarks.peers.theirs.{given.peer}_chain")
    with consumers(peer.command(**chosen)):
        contender = peer.open_contender(**chosen)
        size = Size(given.alone, given.many, given.in_flight, given.warm_up)
        found = measure(contender, size)
        print(json.dumps(asdict(found)), flush=True)
        getattr(contender, "close", lambda: None)()


if __name__ == "__main__":
    main()
