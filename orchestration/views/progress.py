"""A run in one picture, for live displays: each step with its branches, fractions and times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import runs, steps
from orchestration.store.steps import StepRow

S = StepStatus
TO_COME = "to come"
TELLING = (S.RUNNING, S.FAILED, S.BACKOFF, S.WAITING, S.QUEUED, S.READY, S.HELD, S.CANCELLED)
EARLIEST_ETA = 0.02


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a step; `item` is JSON text."""

    number: int
    status: str
    fraction: float
    message: str
    item: str | None


@dataclass(frozen=True, slots=True)
class StepPicture:
    """One step, all of its branches together.

    Attributes:
        status: The most telling status of its branches, or `to come`.
        fraction: How much of the step is done, 0 to 1.
        message: The last progress message of a running branch, or else of a closed one.
        branches: Empty before the step begins.
    """

    name: str
    agent: str
    status: str
    fraction: float
    message: str
    started_at: datetime | None
    ended_at: datetime | None
    branches: tuple[Branch, ...]

    @property
    def done(self) -> int:
        """How many branches are completed."""
        return sum(branch.status == S.COMPLETED for branch in self.branches)


@dataclass(frozen=True, slots=True)
class Picture:
    """A run at one moment."""

    run_id: str
    command: str
    status: RunStatus
    progress: float
    started_at: datetime | None
    ended_at: datetime | None
    steps: tuple[StepPicture, ...]


def picture(session: Session, run_id: str) -> Picture:
    """A run as it is now.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    rows: dict[str, list[StepRow]] = {}
    for row in steps.of_run(session, run_id):
        rows.setdefault(row.step, []).append(row)
    agents = {step.name: " ".join(step.agents) for step in run.plan.steps}
    names = [*agents, *(name for name in rows if name not in agents)]
    begun = runs.load(session, run_id).tallies
    return Picture(
        run_id=run.id,
        command=run.command,
        status=run.status,
        progress=run.progress,
        started_at=run.started_at,
        ended_at=run.ended_at,
        steps=tuple(draw(name, agents, rows.get(name, []), begun=name in begun) for name in names),
    )


def draw(
    name: str, agents: Mapping[str, str], rows: Sequence[StepRow], *, begun: bool
) -> StepPicture:
    """The picture of one step, from its branches."""
    closed = [row for row in rows if row.ended_at is not None]
    started = [row.claimed_at for row in rows if row.claimed_at is not None]
    all_closed = begun and len(closed) == len(rows)
    done = sum(1.0 if row.ended_at else row.fraction for row in rows)
    running = [row for row in rows if row.status is S.RUNNING]
    return StepPicture(
        name=name,
        agent=agents.get(name) or rows[0].agent,
        status=telling([row.status for row in rows]) if begun else TO_COME,
        fraction=done / len(rows) if rows else float(begun),
        message=next((row.said for row in [*running, *reversed(closed)] if row.said), ""),
        started_at=min(started, default=None),
        ended_at=max((row.ended_at for row in closed if row.ended_at), default=None)
        if all_closed
        else None,
        branches=tuple(
            Branch(row.branch, row.status, row.fraction, row.said, row.item) for row in rows
        ),
    )


def telling(statuses: Sequence[StepStatus]) -> str:
    """The most telling status of a step's branches: the one that people should see."""
    for status in TELLING:
        if status in statuses:
            return status.value
    return S.COMPLETED.value if S.COMPLETED in statuses else S.SKIPPED.value


def remaining(fraction: float, elapsed: timedelta) -> timedelta | None:
    """How long the rest takes at the pace so far; None where that cannot be said yet."""
    if not EARLIEST_ETA <= fraction < 1:
        return None
    return elapsed * ((1 - fraction) / fraction)
