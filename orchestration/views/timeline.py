"""A run on a time line: for each branch when it waited, and every attempt at it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.ports import Session
from orchestration.state import StepStatus
from orchestration.store import attempts, steps, workers
from orchestration.store.attempts import AttemptRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import OUTSIDE, StepRow
from orchestration.store.workers import WorkerRow
from orchestration.views import error
from orchestration.views.workflow import label

MOST_TRACKS = 200
SHORTEST = timedelta(milliseconds=100)
WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt, or a wait.

    Attributes:
        kind: The outcome of an attempt, the status of the last attempt, or `WAITS`.
        ended_at: None: it goes on.
        attempt: The attempt's number; 0: a wait.
        begin: Where the bar begins on the timeline, 0 to 1.
        length: How much of the timeline the bar takes, 0 to 1.
        note: The attempt's error, or its last progress message.
    """

    kind: str
    started_at: datetime
    ended_at: datetime | None
    attempt: int
    begin: float
    length: float
    place: str
    note: str


@dataclass(frozen=True, slots=True)
class Track:
    """One branch.

    Attributes:
        item: The item that the branch is for, as JSON text.
        reused: Whether its result was taken over from the run that this one was forked from.
        error: Why it failed, or last failed: type, message, perhaps a traceback.
    """

    step: str
    branch: int
    name: str
    item: str | None
    agent: str
    status: StepStatus
    fraction: float
    message: str
    reused: bool
    attempts: int
    bars: tuple[Bar, ...]
    error: dict[str, Any] | None
    place: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The tracks of a run, or the first of them.

    Attributes:
        left_out: How many more branches there are.
    """

    begin: datetime
    end: datetime
    tracks: tuple[Track, ...]
    left_out: int


def timeline(session: Session, run: RunRow, now: datetime) -> Timeline:
    """The timeline of a run until now, or until its end."""
    rows = steps.of_run(session, run.id)
    failed = attempts.of_run(session, run.id)
    shown = rows[:MOST_TRACKS]
    begin = run.created_at
    end = max(run.ended_at or now, begin + SHORTEST)
    names = {row.worker for row in shown} | {each.worker for each in failed}
    known = {name: workers.get(session, name) for name in names if name}
    scale = Scale(begin, end, known)
    by_branch = attempts.by_branch(failed)
    tracks = tuple(track(row, by_branch[row.step, row.branch], scale) for row in shown)
    return Timeline(begin, end, tracks, len(rows) - len(shown))


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps moments to places on the line, and workers to their hosts and processes."""

    begin: datetime
    end: datetime
    workers: dict[str, WorkerRow | None]

    def at(self, moment: datetime | None) -> float:
        """Where a moment is, from 0 to 1; None: the end."""
        share = ((moment or self.end) - self.begin) / (self.end - self.begin)
        return min(max(share, 0.0), 1.0)

    def bar(self, kind: str, span: tuple[datetime, datetime | None], **more: Any) -> Bar:
        """A bar from one moment to another."""
        begin = self.at(span[0])
        known = {"attempt": 0, "place": "", "note": "", **more}
        return Bar(kind, *span, begin=begin, length=self.at(span[1]) - begin, **known)

    def place(self, worker: str | None) -> str:
        """Host, process and release of a worker."""
        if not worker:
            return ""
        if worker.startswith(OUTSIDE):
            return worker.removeprefix(OUTSIDE)
        row = self.workers.get(worker)
        return f"{row.host}:{row.pid}, release {row.release}" if row else "a worker long gone"


def track(row: StepRow, failed: Sequence[AttemptRow], scale: Scale) -> Track:
    """One branch, with its bars in the order in which they began."""
    bars = []
    since = row.opened_at
    for each in failed:
        bars.append(scale.bar(WAITS, (since, each.started_at)))
        note = error.one_line(each.error) or each.message
        span, place = (each.started_at, each.ended_at), scale.place(each.worker)
        bars.append(scale.bar(each.outcome, span, attempt=each.ordinal, place=place, note=note))
        since = each.ended_at
    made = attempts.made(row, failed)
    if row.claimed_at is not None and made > len(failed):
        bars.append(scale.bar(WAITS, (since, row.claimed_at)))
        more = {"attempt": made, "place": scale.place(row.worker), "note": row.said}
        bars.append(scale.bar(row.status.value, (row.claimed_at, row.ended_at), **more))
    elif row.status.open:
        bars.append(scale.bar(WAITS, (since, None)))
    return Track(
        step=row.step,
        branch=row.branch,
        name=label(row),
        item=row.item,
        agent=row.agent,
        status=row.status,
        fraction=row.fraction,
        message=row.said,
        reused=row.is_reused,
        attempts=made,
        bars=tuple(bars),
        error=json.loads(row.error) if row.error else None,
        place=scale.place(row.worker),
    )
