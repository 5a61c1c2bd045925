"""The figures of all rounds, as JSON values and as lines for people."""

import platform
import sqlite3
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import psutil

from benchmarks.figures import Measured, Spread, latencies_ms, spread
from benchmarks.load import STEPS, Size
from benchmarks.ours import SLOTS
from benchmarks.servers import PROCESSES, THREADS, rabbitmq_version


@dataclass(frozen=True, slots=True)
class Target:
    """The bound of a figure: at least, or at most."""

    contender: str
    name: str
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether a value is good enough."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


OURS, BARE = "ours on RabbitMQ", "bare Dramatiq"
LEAST_OF_BARE = 0.7
TARGETS = (
    Target("ours embedded", "workflows/s", at_least=600),
    Target("ours embedded", "one alone, p50 ms", at_most=4),
    Target("ours on RabbitMQ", "workflows/s", at_least=300),
    Target("ours on RabbitMQ", "one alone, p50 ms", at_most=8),
)


def environment() -> dict[str, Any]:
    """The machine and the versions of the measurement."""
    return {
        "python": platform.python_version(),
        "cores": psutil.cpu_count(),
        "sqlite": sqlite3.sqlite_version,
        "rabbitmq": rabbitmq_version(),
        "dramatiq": version("dramatiq"),
        "pika": version("pika"),
    }


def summary(rounds: Mapping[str, Sequence[Measured]], size: Size) -> dict[str, Any]:
    """Everything as JSON values; each figure as median, lowest and highest."""
    found = {name: of_contender(measured) for name, measured in rounds.items()}
    return {
        "environment": environment(),
        "work": {
            "steps": STEPS,
            "workflows": size.many,
            "alone": size.alone,
            "in_flight": size.in_flight,
            "max_concurrent_workflows": SLOTS,
            "processes": PROCESSES,
            "threads": THREADS,
            "rounds": len(next(iter(rounds.values()))),
        },
        "contenders": found,
        "of_bare": of_bare(rounds),
        "targets": [judged(target, found) for target in TARGETS if target.contender in found],
    }


def of_bare(rounds: Mapping[str, Sequence[Measured]]) -> dict[str, Any] | None:
    """Our rate on RabbitMQ as a part of bare Dramatiq's, over the pairs of each round."""
    if OURS not in rounds or BARE not in rounds:
        return None
    pairs = [mine.rate / other.rate for mine, other in zip(rounds[OURS], rounds[BARE], strict=True)]
    return asdict(Spread(statistics.median(pairs), min(pairs), max(pairs)))


def of_contender(rounds: Sequence[Measured]) -> dict[str, Any]:
    """The figures of one contender."""
    latency = {
        where: {name: asdict(value) for name, value in values.items()}
        for where, values in latencies_ms(rounds).items()
    }
    return {
        "workflows_per_s": asdict(spread(rounds, lambda each: each.rate)),
        "steps_per_s": asdict(spread(rounds, lambda each: each.rate * STEPS)),
        "latency_ms": latency,
    }


def judged(target: Target, found: Mapping[str, Any]) -> dict[str, Any]:
    """A target beside the measured figure."""
    figures = found[target.contender]
    if target.name == "workflows/s":
        value = figures["workflows_per_s"]["median"]
    else:
        value = figures["latency_ms"]["alone"]["p50"]["median"]
    return {**asdict(target), "measured": value, "met": target.is_met(value)}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures for people."""
    where, work = found["environment"], found["work"]
    about = ", ".join(f"{name} {value or 'missing'}" for name, value in where.items())
    conditions = (
        f"{work['steps']}-step no-op workflow; SQLite synchronous=FULL; publisher confirms;"
        f" MAX_CONCURRENT_WORKFLOWS={work['max_concurrent_workflows']};"
        f" {work['workflows']} workflows, {work['in_flight']} in flight;"
        f" on RabbitMQ {work['processes']} processes of {work['threads']} threads;"
        f" median of {work['rounds']} interleaved rounds [lowest to highest]; all results checked"
    )
    head = f"{'':18}{'workflows/s':>22}{'steps/s':>9}{'alone p50/p95/p99 ms':>26}"
    page = [about, conditions, "", head + f"{'under load p50/p95/p99 ms':>30}"]
    page += [row(name, figures) for name, figures in found["contenders"].items()]
    page += ["", *(verdict(target) for target in found["targets"])]
    if (share := found["of_bare"]) is not None:
        word = "met" if share["median"] >= LEAST_OF_BARE else "MISSED"
        page.append(
            f"{word:7}{OURS}: of bare Dramatiq's rate at least {LEAST_OF_BARE:g}:"
            f" {share['median']:.2f} [{share['lowest']:.2f} to {share['highest']:.2f}]"
        )
    return page


def row(name: str, figures: Mapping[str, Any]) -> str:
    """One contender in one line."""
    rate = Spread(**figures["workflows_per_s"])
    cells = [
        " / ".join(
            f"{figures['latency_ms'][where][p]['median']:.1f}" for p in ("p50", "p95", "p99")
        )
        for where in ("alone", "under_load")
    ]
    rates = f"{rate.median:.0f} [{rate.lowest:.0f} to {rate.highest:.0f}]"
    steps = f"{figures['steps_per_s']['median']:.0f}"
    return f"{name:18}{rates:>22}{steps:>9}{cells[0]:>26}{cells[1]:>30}"


def verdict(target: Mapping[str, Any]) -> str:
    """A target, hit or missed."""
    least = target["at_least"] is not None
    bound = f"{'at least' if least else 'at most'} {target['at_least' if least else 'at_most']:g}"
    word = "met" if target["met"] else "MISSED"
    return f"{word:7}{target['contender']}: {target['name']} {bound}: {target['measured']:.1f}"
