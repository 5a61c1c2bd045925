"""The bus: how fast messages come in, how soon progress goes out, and what idle agents cost."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.commits import Commits
from benchmarks.figures import percentile
from benchmarks.listening import LOOK_EVERY, Line, Message, beat, line_to, order
from benchmarks.servers import PROCESSES, vhost, wait_until, workers
from orchestration.clock import SystemClock
from orchestration.ports import Store
from orchestration.store import agents
from orchestration.store import workers as table
from orchestration.store.connect import open_store

MODULE = "benchmarks.chain"
BEATING = 1_000
BEAT_EVERY_S = 5.0
COMPLETED = "SELECT run_id, step, at FROM events WHERE kind = 'step.completed'"
PACE_S = 0.05


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is sent: beats and commands in all, workflows to follow, seconds of rest."""

    beats: int = 20_000
    commands: int = 5_000
    followed: int = 200
    rest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Goal:
    """The bound of a figure: at least, or at most; None: the figure is only for comparison."""

    name: str
    at_least: float | None = None
    at_most: float | None = None

    def line(self, value: float) -> str:
        """The figure, hit or missed."""
        if self.at_least is not None:
            met, bound = value >= self.at_least, f"at least {self.at_least:g}"
        elif self.at_most is not None:
            met, bound = value <= self.at_most, f"at most {self.at_most:g}"
        else:
            return f"       the bus: {self.name}: {value:.1f}"
        return f"{'met' if met else 'MISSED':7}the bus: {self.name}, {bound}: {value:.1f}"


GOALS = {
    "heartbeats_per_s": Goal("heartbeats in a second", at_least=5_000),
    "commands_per_s": Goal("commands acknowledged a second", at_least=1_000),
    "progress_p50_ms": Goal("progress p50, from the fact to its requester, ms"),
    "progress_p95_ms": Goal("progress p95, ms", at_most=250),
    "core_percent": Goal("1,000 agents that beat every 5 s, percent of a core", at_most=5),
    "transactions_per_s": Goal("and transactions a second", at_most=2),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """The figures of one round on the bus; the last two are above those of an idle fleet."""

    heartbeats_per_s: float
    commands_per_s: float
    progress_p50_ms: float
    progress_p95_ms: float
    core_percent: float
    transactions_per_s: float


def lines(heard: Heard) -> list[str]:
    """The figures for people."""
    return [goal.line(getattr(heard, name)) for name, goal in GOALS.items()]


@dataclass(slots=True)
class Fleet:
    """Worker processes on a vhost and a store of their own."""

    url: str
    store: Store
    master: psutil.Process
    path: Path

    def cpu_s(self) -> float:
        """Seconds of a core that its processes have used so far."""
        every = [self.master, *self.master.children(recursive=True)]
        return sum(sum(each.cpu_times()[:2]) for each in every)


@dataclass(slots=True)
class Ears:
    """The messages that the sender of commands has received."""

    acknowledged: int = 0
    finals: int = 0
    completed_at: dict[tuple[str, str], float] = field(default_factory=dict)

    def hear(self, message: Message) -> None:
        """Keep the parts of a message that are measured."""
        payload = message["payload"]
        if "command_received" in payload:
            self.acknowledged += 1
        elif "error_messages" in payload:
            self.finals += 1
        elif "progress_update" in payload:
            update, now = payload["progress_update"], SystemClock().now().timestamp()
            for step in update["details"]["steps_completed"]:
                self.completed_at.setdefault((update["workflow_id"], step), now)


def run_bus(amount: Amount) -> Heard:
    """One round."""
    with fleet("1000") as running:
        beats = heartbeats_per_s(running, amount.beats)
        p50, p95 = progress_ms(running, amount.followed)
    with fleet("5") as running:
        commands = commands_per_s(running, amount.commands)
    with fleet("5") as running:
        idle = rest(running, amount.rest_s, beating=False)
        busy = rest(running, amount.rest_s, beating=True)
    share, writes = (after - before for after, before in zip(busy, idle, strict=True))
    return Heard(beats, commands, p50, p95, 100 * share, writes)


@contextmanager
def fleet(
    slots: str, module: str = MODULE, more: Mapping[str, str] | None = None
) -> Iterator[Fleet]:
    """Two worker processes that are ready."""
    with tempfile.TemporaryDirectory() as home, vhost() as url:
        environment = {
            "RABBITMQ_URL": url,
            "ORCHESTRATION_HOME": home,
            "ORCHESTRATION_APP": module,
            "MAX_CONCURRENT_WORKFLOWS": slots,
            "LOG_LEVEL": "WARNING",
            **(more or {}),
        }
        path = Path(home) / "orchestration.db"
        store = open_store(f"sqlite:///{path}").store
        try:
            with workers(module, environment) as pid:
                wait_until(lambda: len(store.read(table.present)) == PROCESSES)
                with line_to(url) as line:
                    line.wait(lambda: line.listeners() == PROCESSES)
                yield Fleet(url, store, psutil.Process(pid), path)
        finally:
            store.close()


def heartbeats_per_s(running: Fleet, count: int) -> float:
    """Heartbeats of many agents a second, until the last one is in the store."""
    bodies = [beat(number % BEATING, number) for number in range(count - 1)]
    bodies.append(beat(BEATING, count - 1))  # of an agent that is new

    def is_written() -> bool:
        return len(running.store.read(agents.everyone)) > known + BEATING

    known = len(running.store.read(agents.everyone))
    with line_to(running.url) as line:
        began = time.perf_counter()
        line.say(bodies, "heartbeat.orchestration")
        line.wait(is_written)
        return count / (time.perf_counter() - began)


def commands_per_s(running: Fleet, count: int) -> float:
    """Commands of one sender a second, until the last one is acknowledged."""
    ears = Ears()
    with line_to(running.url, ears.hear) as line:
        bodies = [order("chain", number) for number in range(count)]
        began = time.perf_counter()
        for first in range(0, count, LOOK_EVERY):
            line.say(bodies[first : first + LOOK_EVERY], "command.orchestration")
        line.wait(lambda: ears.acknowledged == count)
        return count / (time.perf_counter() - began)


def progress_ms(running: Fleet, count: int) -> tuple[float, float]:
    """From the moment of a completed step to its requester's receipt, p50 and p95."""
    ears = Ears()
    with line_to(running.url, ears.hear) as line:
        for number in range(count):
            line.say([order("chain", number)], "command.orchestration")
            line.hear(PACE_S)
        line.wait(lambda: ears.finals == count)
    facts = {(run, step): at for run, step, at in running.store.read(lambda s: s.all(COMPLETED))}
    if facts.keys() != ears.completed_at.keys():
        raise AssertionError("not every completed step was told")
    late = [1000 * (ears.completed_at[each] - at) for each, at in facts.items()]
    return percentile(late, 50), percentile(late, 95)


def rest(running: Fleet, seconds: float, *, beating: bool) -> tuple[float, float]:
    """The share of a core, and commits a second, of a fleet without work, with or without beats."""
    with line_to(running.url) as line, Commits(running.path) as commits:
        beaten(line, BEAT_EVERY_S, beating=beating)
        before, began, count = running.cpu_s(), time.perf_counter(), commits.count()
        beaten(line, seconds, beating=beating)
        lasted = time.perf_counter() - began
        return (running.cpu_s() - before) / lasted, (commits.count() - count) / lasted


def beaten(line: Line, seconds: float, *, beating: bool) -> None:
    """Let time pass while each agent beats at its own moment, or none does."""
    began = time.perf_counter()
    turn = 0
    while (passed := time.perf_counter() - began) < seconds:
        due = int(passed / BEAT_EVERY_S * BEATING) if beating else 0
        for number in range(turn, due):
            line.say([beat(number % BEATING, number)], "heartbeat.orchestration")
        turn = due
        line.hear(BEAT_EVERY_S / BEATING)
