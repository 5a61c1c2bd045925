"""`python -m benchmarks`: every contender in turn, several rounds, in one run."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from benchmarks import bus, report, search, start_up
from benchmarks.bare import run_bare
from benchmarks.figures import Measured
from benchmarks.load import Size
from benchmarks.ours import run_brokered, run_embedded
from benchmarks.servers import rabbitmq_version

ALONE: dict[str, Callable[[Size], Measured]] = {"ours embedded": run_embedded}
ON_RABBITMQ: dict[str, Callable[[Size], Measured]] = {
    "ours on RabbitMQ": run_brokered,
    "bare Dramatiq": run_bare,
}

BUS = "bus"


def main() -> None:
    """Measure, and print."""
    words = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    words.add_argument("--json", action="store_true", help="one JSON value")
    words.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (3)")
    words.add_argument("--workflows", type=int, default=600, help="workflows a round (600)")
    words.add_argument("--in-flight", type=int, default=200, help="how many at once (200)")
    words.add_argument("--alone", type=int, default=50, help="how many alone (50)")
    words.add_argument("--only", help="one contender by name, or bus, search, start-up")
    words.add_argument("--rest", type=float, default=60.0, help="seconds of an idle bus (60)")
    given = words.parse_args()
    if given.only == BUS:
        show_bus(given.rest, as_json=given.json)
        return
    if given.only in MORE:
        MORE[given.only](as_json=given.json)
        return
    size = Size(given.alone, given.workflows, given.in_flight)
    contenders = ALONE | (ON_RABBITMQ if rabbitmq_version() else {})
    if given.only:
        contenders = {given.only: contenders[given.only]}
    rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
    for _ in range(given.rounds):
        for name, run in contenders.items():
            rounds[name].append(run(size))
    found = report.summary(rounds, size)
    print(json.dumps(found, indent=2) if given.json else "\n".join(report.lines(found)))
    if not given.json and found["environment"]["rabbitmq"] and not given.only:
        show_bus(given.rest, as_json=False)
    if not given.json and not found["environment"]["rabbitmq"]:
        print("no RabbitMQ here: nothing was measured on it")


def show_search(*, as_json: bool) -> None:
    """The domain's hot path."""
    found = search.run_search()
    print(
        json.dumps([asdict(each) for each in found]) if as_json else "\n".join(search.lines(found))
    )


def show_start_up(*, as_json: bool) -> None:
    """How soon a command is there, and what a process takes."""
    found = start_up.run_start_up()
    lines = [each.line() for each in found]
    print(json.dumps([asdict(each) for each in found]) if as_json else "\n".join(lines))


MORE = {"search": show_search, "start-up": show_start_up}


def show_bus(rest_s: float, *, as_json: bool) -> None:
    """One round on the bus."""
    heard = bus.run_bus(bus.Amount(rest_s=rest_s))
    print(json.dumps(asdict(heard), indent=2) if as_json else "\n".join(bus.lines(heard)))


if __name__ == "__main__":
    main()
