"""A run and its steps as values, and the tables by which their statuses may move."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from orchestration.errors import IllegalTransitionError
from orchestration.plans import UNDO, Plan, Step


class RunStatus(StrEnum):
    """Where a run is."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    UNDOING = "undoing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens in this generation."""
        return self in ENDED


class StepStatus(StrEnum):
    """The status of one branch of a step."""

    WAITING = "waiting"
    HELD = "held"
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    BACKOFF = "backoff"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def open(self) -> bool:
        """Whether it may still run."""
        return self in OPEN


R, S = RunStatus, StepStatus

ENDED = frozenset({R.COMPLETED, R.FAILED, R.CANCELLED})
OPEN = frozenset({S.WAITING, S.HELD, S.READY, S.QUEUED, S.RUNNING, S.BACKOFF})
MOVING = frozenset({S.READY, S.QUEUED, S.RUNNING, S.BACKOFF})
DONE = frozenset({S.COMPLETED, S.SKIPPED})
DONE_IF_NOT_REQUIRED = DONE | {S.FAILED}

RUN_TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = {
    R.PENDING: frozenset({R.RUNNING, R.PAUSED, R.UNDOING, *ENDED}),
    R.RUNNING: frozenset({R.WAITING, R.PAUSED, R.UNDOING, *ENDED}),
    R.WAITING: frozenset({R.PENDING, R.PAUSED, R.UNDOING, R.FAILED, R.CANCELLED}),
    R.PAUSED: frozenset({R.PENDING, R.UNDOING, *ENDED}),
    R.UNDOING: frozenset({R.PAUSED, R.FAILED, R.CANCELLED}),
    R.COMPLETED: frozenset(),
    R.FAILED: frozenset({R.PENDING}),
    R.CANCELLED: frozenset({R.PENDING}),
}

STEP_TRANSITIONS: Mapping[StepStatus, frozenset[StepStatus]] = {
    S.WAITING: frozenset({S.HELD, S.READY, S.CANCELLED}),
    S.HELD: frozenset({S.READY, S.CANCELLED}),
    S.READY: frozenset({S.QUEUED, S.RUNNING, S.HELD, S.FAILED, S.CANCELLED}),
    S.QUEUED: frozenset({S.RUNNING, S.READY, S.HELD, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.READY, S.HELD, S.BACKOFF, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.BACKOFF: frozenset({S.READY, S.HELD, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset({S.HELD, S.WAITING}),
    S.CANCELLED: frozenset({S.HELD, S.WAITING}),
    S.SKIPPED: frozenset(),
}


class Run(NamedTuple):
    """All that a decision needs to know of a run: statuses and counts, never results.

    A NamedTuple for speed: never call `count` or `index` of the tuple.

    Attributes:
        tallies: For each step that has begun, how many of its branches have which status.
            A step without a tally has not begun; an empty tally is a fan-out over nothing. A
            sent branch counts as ready: no decision depends on where its message is.
        ending: The status in which an undoing run will end.
        parameters: Its parameters, as JSON text.
        rank: The place of its steps in queues: lower goes first.
        requester: The agent that is told about it on the bus; None: nobody.
        attempts_from: The number from which attempts of its new branches count.
        system: Whether it goes on during an emergency stop.
        correlation_id: The id of the message that asked for it, if any.
    """

    id: str
    plan: Plan
    status: RunStatus = RunStatus.PENDING
    generation: int = 1
    ending: RunStatus | None = None
    tallies: Mapping[str, Mapping[StepStatus, int]] = MappingProxyType({})
    parameters: str = "{}"
    rank: float = 0.0
    requester: str | None = None
    attempts_from: int = 0
    system: bool = False
    correlation_id: str | None = None

    def to(self, status: RunStatus) -> "Run":
        """This run in another status.

        Raises:
            IllegalTransitionError: The table does not allow it.
        """
        if status not in RUN_TRANSITIONS[self.status]:
            raise IllegalTransitionError(f"{self.id}: {self.status} → {status} is not allowed")
        return self._replace(status=status)

    def with_branches(self, step: str, status: StepStatus, count: int) -> "Run":
        """This run with so many new branches of a step."""
        tally = dict(self.tallies.get(step, {}))
        if count:
            tally[status] = tally.get(status, 0) + count
        return self._replace(tallies={**self.tallies, step: tally})

    def moved(self, step: str, source: StepStatus, target: StepStatus, count: int = 1) -> "Run":
        """This run with branches of a step in another status.

        Raises:
            IllegalTransitionError: The table does not allow it, or there are too few.
        """
        tally = dict(self.tallies.get(step, {}))
        if target not in STEP_TRANSITIONS[source] or tally.get(source, 0) < count:
            raise IllegalTransitionError(f"{self.id}, {step}: {source} → {target} is not allowed")
        tally[source] -= count
        if not tally[source]:
            del tally[source]
        tally[target] = tally.get(target, 0) + count
        return self._replace(tallies={**self.tallies, step: tally})

    def count_branches(self, *statuses: StepStatus) -> int:
        """How many branches are in one of these statuses."""
        found = 0
        for tally in self.tallies.values():
            for status in statuses:
                if status in tally:
                    found += tally[status]
        return found

    def finished(self, step: Step) -> bool:
        """Whether all branches of a step are finished, so that steps that need it may begin."""
        tally = self.tallies.get(step.name)
        if tally is None:
            return False
        return tally.keys() <= finishing(step)

    @property
    def undoing(self) -> bool:
        """Whether the run undoes its steps before it ends, even if a restore has paused that."""
        paused = self.status is R.PAUSED and self.ending is not None
        return paused or self.status is R.UNDOING

    @property
    def done(self) -> bool:
        """Whether every step of the plan is finished."""
        return all(self.finished(step) for step in self.plan.steps)

    @property
    def undone(self) -> bool:
        """Whether an undo has begun in the run: then only a fork can go on."""
        return any(step.startswith(UNDO) for step in self.tallies)


def finishing(step: Step) -> frozenset[StepStatus]:
    """The statuses in which a branch of this step is finished."""
    return DONE if step.required else DONE_IF_NOT_REQUIRED


def progress(run: Run, fractions: Mapping[str, float]) -> float:
    """The progress of a run, 0 to 1: every step counts the same, shared by its branches.

    Args:
        run: The run with its tallies.
        fractions: For each step the sum of the fractions of its running branches.
    """
    total = 0.0
    for step in run.plan.steps:
        tally = run.tallies.get(step.name)
        if tally is None:
            continue
        branches, ends = sum(tally.values()), finishing(step)
        finished = fractions.get(step.name, 0.0)
        for status, count in tally.items():
            if status in ends:
                finished += count
        total += finished / branches if branches else 1.0
    return min(total / len(run.plan.steps), 1.0)
