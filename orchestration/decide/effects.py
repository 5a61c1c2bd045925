"""What a decision asks the engine to write, as values."""

from dataclasses import dataclass
from datetime import timedelta

from orchestration.state import Run, StepStatus


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look up `when` and `for_each` of a step, and come back with `Resolved`."""

    step: str


@dataclass(frozen=True, slots=True)
class Open:
    """Write the new branches of a step, or one branch of an undo."""

    step: str
    first: int
    count: int
    status: StepStatus


@dataclass(frozen=True, slots=True)
class Move:
    """Move one branch; `pause` is how long a backoff lasts, before jitter."""

    step: str
    branch: int
    source: StepStatus
    target: StepStatus
    pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class MoveAll:
    """Move every branch of a step that is in one status; a sent branch counts as ready."""

    step: str
    source: StepStatus
    target: StepStatus


@dataclass(frozen=True, slots=True)
class Settle:
    """See whether an attempt may still act; when none may, come back with `Settled`."""


Effect = Resolve | Open | Move | MoveAll | Settle


@dataclass(frozen=True, slots=True)
class Decision:
    """The run as it will be, and what has to be written for it."""

    run: Run
    effects: tuple[Effect, ...] = ()
