"""Every metric of a fleet, as data: its name, its meaning and its labels.

No label is ever an id, or another value that a message can set freely: collectors would keep each
of those values for ever.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SUM, INFINITE = "sum", "+Inf"
LONG = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)
SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
OTHER = "other"
OUTCOMES = ("completed", "failed", "timed_out", "lost", "handed_over", "cancelled")
REASONS = frozenset(
    {
        *("bad_encoding", "bad_json", "not_an_object", "too_deep", "too_large", "unknown_type"),
        *("wrong_field", "user_id", "command_rejected", "overloaded", "unmatched_response"),
        *("expired", "maxlen", "rejected", "delivery_limit", "dead", "failed", "refused"),
    }
)


class Kind(StrEnum):
    """The kind of a metric, in Prometheus' own words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        help: One sentence for people.
        labels: The names of its labels.
        buckets: The upper bounds of a histogram, in its unit, without the infinite one.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def bucket(self, value: float) -> str:
        """The bucket of a histogram that counts a value: the lowest bound that is not below it."""
        place = bisect_left(self.buckets, value)
        return f"{self.buckets[place]:g}" if place < len(self.buckets) else INFINITE


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"orchestration_{name}_total", Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"orchestration_{name}", Kind.GAUGE, text, labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(f"orchestration_{name}_seconds", Kind.HISTOGRAM, text, labels, buckets)


RUNS_ACCEPTED = _counter("runs_accepted", "Runs that were accepted.", "command")
RUNS_RETRIED = _counter("runs_retried", "Ended runs that were sent on again.", "command")
RUNS_ENDED = _counter("runs_ended", "Runs that ended, by how.", "command", "status")
ATTEMPTS = _counter(
    "attempts",
    "Attempts at steps that ended, by how; lost: with the worker, handed_over: in good order.",
    *("command", "step", "agent", "outcome"),
)
DEAD_LETTERS = _counter("dead_letters", "Messages that could not be used, by why.", "reason")
ALERTS = _counter("alerts", "Alerts that were raised, told or not.", "kind")

RUN_DURATION = _histogram(
    "run_duration",
    "From a run's acceptance, or its retry, to its end; waiting is part of it.",
    *(LONG, "command"),
)
SLOT_WAIT = _histogram("slot_wait", "How long runs were pending, each time.", LONG, "command")
STEP_DURATION = _histogram(
    "step_duration", "From a claim to the result of a completed step.", LONG, "command", "step"
)
STEP_WAIT = _histogram(
    "step_wait",
    "From the moment at which a step may begin to its first claim: room, message, free thread.",
    *(SHORT, "agent"),
)
MESSAGE_PROCESSING = _histogram(
    "message_processing",
    "From a message's arrival from RabbitMQ to its acknowledgement, after the commit.",
    *(SHORT, "queue"),
)

RUNS = _gauge("runs", "Runs that have not ended, by status.", "status")
OLDEST_PENDING = _gauge(
    "oldest_pending_run_timestamp_seconds",
    "When the oldest pending run was accepted; absent: none.",
)
SLOTS_USED = _gauge("slots_used", "Runs that hold one of the MAX_CONCURRENT_WORKFLOWS slots.")
SLOTS = _gauge("slots", "How many slots there are, as the process that tells it is configured.")
STEPS = _gauge("steps", "Steps by agent: ready, queued or running.", "agent", "status")
WORKERS = _gauge("workers", "Worker processes: live, draining or silent.", "state")
WORKER_SLOTS = _gauge(
    "worker_slots", "How many steps workers can run at once; absent for outside agents.", "agent"
)
AGENT_HEARTBEAT = _gauge(
    "agent_last_heartbeat_timestamp_seconds", "When an agent was heard of last.", "agent"
)
AGENT_SILENT = _gauge("agent_silent", "1: the agent was found silent, and is not back.", "agent")
AGENT_CIRCUIT = _gauge("agent_circuit_open", "1: the agent only failed, and is spared.", "agent")
AGENT_PAUSED = _gauge("agent_paused", "1: somebody lets the agent rest.", "agent")
AGENT_FAILURES = _gauge(
    "agent_consecutive_failures", "Failed attempts since the last success.", "agent"
)
DEAD_LETTERS_KEPT = _gauge("dead_letters_kept", "Dead letters that nobody has dealt with.")
ALERTS_WAITING = _gauge("alerts_waiting", "Alerts that are still to be told.")
OUTBOX = _gauge("outbox_messages", "Messages that are to leave for the exchange.")
OLDEST_MESSAGE = _gauge(
    "outbox_oldest_message_timestamp_seconds", "When the oldest of them was written; absent: none."
)
SCHEDULES_LATE = _gauge("schedules_late", "Schedules whose time is over for more than a minute.")
LAST_SWEEP = _gauge("last_sweep_timestamp_seconds", "When a worker looked after the fleet last.")
EMERGENCY_STOP = _gauge("emergency_stop", "1: an emergency stop holds.")
STORE_SIZE = _gauge("store_size_bytes", "What the store takes, its log apart.")
STORE_LOG = _gauge("store_log_size_bytes", "What SQLite's write-ahead log takes; absent elsewhere.")
BUILD_INFO = _gauge("build_info", "Always 1; the release that tells all this.", "version")

CATALOGUE: tuple[Metric, ...] = tuple(each for each in globals().values() if type(each) is Metric)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in CATALOGUE}

Cell = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One current value of a metric."""

    metric: Metric
    value: float
    labels: Sequence[str] = ()


@dataclass(slots=True)
class Tally:
    """The counts since the last write, by metric, labels and part."""

    cells: dict[Cell, float] = field(default_factory=dict)

    def count(self, metric: Metric, *labels: str, by: float = 1.0, part: str = "") -> None:
        """Add to a counter, or to one part of a histogram."""
        cell = metric.name, labels, part
        self.cells[cell] = self.cells.get(cell, 0.0) + by

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Count a value in a histogram; a negative one, by the difference of two clocks, as 0."""
        value = max(value, 0.0)
        self.count(metric, *labels, part=metric.bucket(value))
        self.count(metric, *labels, by=value, part=SUM)


def known_reason(reason: str) -> str:
    """The reason of a dead letter as a label: one that a sender made up becomes `other`."""
    return reason if reason in REASONS else OTHER
