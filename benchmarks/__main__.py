"""`python -m benchmarks`: every contender in turn, several rounds, in one run."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import median

from benchmarks import bus, idle, large, report, search, start_up, stop
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

BUS, IDLE, SCALE, STOP = "bus", "idle", "scale", "stop"
FLEETS = (1, 2, 4)


def main() -> None:
    """Measure, and print."""
    words = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    words.add_argument("--json", action="store_true", help="one JSON value")
    words.add_argument("--rounds", type=int, default=5, help="rounds, interleaved (5)")
    words.add_argument("--workflows", type=int, default=600, help="workflows a round (600)")
    words.add_argument("--in-flight", type=int, default=200, help="how many at once (200)")
    words.add_argument("--alone", type=int, default=50, help="how many alone (50)")
    words.add_argument(
        "--only",
        help="one contender by name, or bus, idle, large, scale, search, start-up, stop",
    )
    words.add_argument("--rest", type=float, default=60.0, help="seconds of an idle bus (60)")
    given = words.parse_args()
    size = Size(given.alone, given.workflows, given.in_flight)
    if given.only in (apart := apart_from_rounds(size, given.rounds, given.rest)):
        apart[given.only](as_json=given.json)
        return
    if given.only == SCALE:
        show_scale(size, given.rounds)
        return
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


def apart_from_rounds(size: Size, rounds: int, rest_s: float) -> dict[str, Callable[..., None]]:
    """The measurements that have no rounds with the contenders, by name."""
    return {
        BUS: partial(show_bus, rest_s),
        IDLE: partial(show_idle, rest_s),
        "large": partial(show_large, size, rounds),
        "search": show_search,
        "start-up": show_start_up,
        STOP: partial(show_stop, rounds),
    }


def show_stop(rounds: int, *, as_json: bool) -> None:
    """An emergency stop among many messages."""
    found = [stop.run_stop() for _ in range(rounds)]
    told = [asdict(each) for each in found]
    print(json.dumps(told, indent=2) if as_json else "\n".join(stop.lines(found)))


def show_search(*, as_json: bool) -> None:
    """The domain's hot path."""
    found = search.run_search()
    print(
        json.dumps([asdict(each) for each in found]) if as_json else "\n".join(search.lines(found))
    )


def show_start_up(*, as_json: bool) -> None:
    """How soon a command starts, and how much memory a process takes."""
    found = start_up.run_start_up()
    lines = [each.line() for each in found]
    print(json.dumps([asdict(each) for each in found]) if as_json else "\n".join(lines))


def show_idle(rest_s: float, *, as_json: bool) -> None:
    """What a fleet costs at rest."""
    rest = idle.run_idle(rest_s)
    print(json.dumps(asdict(rest), indent=2) if as_json else "\n".join(idle.lines(rest)))


def show_scale(size: Size, rounds: int) -> None:
    """Workflows a second by the number of worker processes, rounds interleaved."""
    found: dict[int, list[float]] = {number: [] for number in FLEETS}
    for _ in range(rounds):
        for number in FLEETS:
            found[number].append(run_brokered(size, number).rate)
    for number, rates in found.items():
        low, high = min(rates), max(rates)
        print(f"{number} processes: {median(rates):.0f} workflows/s ({low:.0f} to {high:.0f})")


def show_large(size: Size, rounds: int, *, as_json: bool) -> None:
    """Workflows a second with a million runs in the store, beside those with none."""
    found = large.run_large(size, rounds)
    told = [asdict(each) for each in found]
    print(json.dumps(told, indent=2) if as_json else "\n".join(large.lines(found)))


def show_bus(rest_s: float, *, as_json: bool) -> None:
    """One round on the bus."""
    heard = bus.run_bus(bus.Amount(rest_s=rest_s))
    print(json.dumps(asdict(heard), indent=2) if as_json else "\n".join(bus.lines(heard)))


if __name__ == "__main__":
    main()
