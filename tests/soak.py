"""`python -m tests.soak --minutes 30`: mixed work and faults for long, and nothing that grows.

Clients order at the store and over HTTP, at a pace that leaves the machine time; workers are
killed, queues wiped, the store is locked. Those that nobody harms are looked at: what they hold in
memory, their files and their threads; and the connections of all, and the size of the store, in
which 1,000 ended runs are kept. What is seen late is compared with what was seen early.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.acceptance.chaos.customers import Customers
from tests.acceptance.chaos.faults import Killer
from tests.acceptance.chaos.fleet import CLOCKS, WEB, Fleet, fleet_in
from tests.acceptance.chaos.plan import Ledger, Plan
from tests.acceptance.chaos.report import verdict
from tests.acceptance.processes import processes_in
from tests.acceptance.witness import Witness
from tests.eventually import eventually

SPARED = "workers 4"
LOOK_EVERY_S = 5.0
HARM_EVERY_S = 20.0
BETWEEN_ORDERS_S = 0.5
RETENTION = {"RETENTION_RUNS": "1000", "MAX_CONCURRENT_WORKFLOWS": "16"}
MOST_GROWTH = 0.1
ROOM = {"memory": 8.0, "files": 4.0, "threads": 3.0, "connections": 8.0, "store": 8.0}
FIRST, LAST = (0.3, 0.5), (0.8, 1.0)  # shares of the time: after the warm-up, and at the end


@dataclass
class Watch:
    """The measurements, by what was measured.

    Attributes:
        seen: Each value with the time of its measurement, in seconds since the start.
    """

    fleet: Fleet
    began_at: float
    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def look(self) -> None:
        """Measure everything once."""
        at = time.monotonic() - self.began_at
        for name, value in (self._processes() | self._shared()).items():
            self.seen.setdefault(name, []).append((at, value))

    def _processes(self) -> dict[str, float]:
        found = {}
        for name in (SPARED, *CLOCKS, WEB):
            master = self.fleet.process_of(name)
            for pid in self.fleet.forks_of(name) if name == SPARED else [master.pid]:
                process = psutil.Process(pid)
                with process.oneshot():
                    found[f"memory of {name}, MB"] = process.memory_info().rss / 2**20
                    found[f"files of {name}"] = float(process.num_fds())
                    found[f"threads of {name}"] = float(process.num_threads())
        return found

    def _shared(self) -> dict[str, float]:
        """The connections of all processes, and the size of the store; most of both come and go."""
        at = self.fleet.node.port
        found = [each for each in psutil.net_connections("tcp") if tuple(each.raddr)[1:] == (at,)]
        use = self.fleet.place.store.disk_use()
        return {
            "connections to RabbitMQ": float(len(found)),
            "store, MB": use.data / 2**20,
            "store's log, MB": (use.log or 0) / 2**20,
        }


def growth(seen: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The medians of the values after the warm-up, and at the end."""
    whole = seen[-1][0]
    spans = ((whole * first, whole * last) for first, last in (FIRST, LAST))
    early, late = (
        statistics.median(value for at, value in seen if begin <= at <= end) for begin, end in spans
    )
    return early, late


def judged(seen: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, dict[str, float | bool]]:
    """The early and the late value of each measurement, and whether it is flat."""
    found: dict[str, dict[str, float | bool]] = {}
    for name, values in seen.items():
        early, late = growth(values)
        room = ROOM[next(kind for kind in ROOM if name.startswith(kind))]
        flat = late <= early * (1 + MOST_GROWTH) + room
        found[name] = {"early": round(early, 1), "late": round(late, 1), "flat": flat}
    return found


def soak(minutes: float, seed: int) -> dict[str, object]:
    """Work, break things and measure for so long; return the measurements and the verdict."""
    with TemporaryDirectory() as name, processes_in(Path(name) / "logs") as processes:
        witness = Witness(Path(name) / "witness.txt")
        with fleet_in(Path(name), "sqlite", processes, witness, RETENTION) as fleet:
            os.environ.update(fleet.workplace.settings)
            fleet.spared = frozenset({SPARED})
            with fleet.running():
                return attend(fleet, witness, Plan(0, 0, seed, order_s=BETWEEN_ORDERS_S), minutes)


def attend(fleet: Fleet, witness: Witness, plan: Plan, minutes: float) -> dict[str, object]:
    """Run faults and measurements on a fleet for its time."""
    eventually(lambda: fleet.is_ready, within=120)
    customers = Customers(witness, plan, (None, fleet.web))
    killer = Killer(fleet, Ledger(), random.Random(plan.seed), [])
    harms = (killer.kill_worker, killer.kill_container, killer.wipe_queues, killer.lock_store)
    watch, end = Watch(fleet, time.monotonic()), time.monotonic() + 60 * minutes
    customers.begin()
    next_harm = time.monotonic() + HARM_EVERY_S
    while (now := time.monotonic()) < end:
        with suppress(psutil.NoSuchProcess):
            watch.look()
        if now > next_harm:
            next_harm = now + HARM_EVERY_S
            killer.chance.choice(harms)()
        time.sleep(LOOK_EVERY_S)
    customers.finish()
    told = verdict(witness, killer.ledger, customers, plan)
    seen = judged(watch.seen)
    kept = not (told["problems"] or told["complaints"])
    flat = all(each["flat"] for each in seen.values())
    return {"minutes": minutes, "well": kept and flat, "seen": seen} | told


def main() -> int:
    """Soak, print one line of JSON, and tell by the exit code whether all was well."""
    words = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    words.add_argument("--minutes", type=float, default=30.0)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    found = soak(given.minutes, given.seed)
    print(json.dumps(found))  # noqa: T201 - its only result
    return 0 if found["well"] else 1


if __name__ == "__main__":
    sys.exit(main())
