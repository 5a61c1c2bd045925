"""What waits for a person, with everything that a decision about it rests on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.engine.control import fingerprint
from orchestration.ports import Session
from orchestration.state import StepStatus
from orchestration.store import approvals, artifacts, configuration, runs, steps
from orchestration.store.configuration import Version
from orchestration.store.runs import RunRow

UNDO = "undo."


@dataclass(frozen=True, slots=True)
class Question:
    """A step that waits.

    Attributes:
        may_change: The configuration that it may set, as it is now.
        builds_on: The results of the steps that it needs, by name.
        shown: The fingerprint of what is approved: another state of things is refused.
    """

    run: RunRow
    step: str
    agent: str
    branches: int
    since: datetime
    until: datetime | None
    may_change: dict[str, Version | None]
    builds_on: dict[str, Any]
    shown: str


def of_run(session: Session, run: RunRow) -> list[Question]:
    """Everything that waits in a run."""
    waiting = [r for r in steps.of_run(session, run.id) if r.status is StepStatus.WAITING]
    return [one(session, run, step) for step in dict.fromkeys(row.step for row in waiting)]


def one(session: Session, run: RunRow, step: str) -> Question:
    """One step that waits in a run."""
    rows = steps.in_status(session, run.id, step, StepStatus.WAITING)
    declared = run.plan.step[step.removeprefix(UNDO)]
    return Question(
        run=run,
        step=step,
        agent=rows[0].agent,
        branches=len(rows),
        since=min(row.opened_at for row in rows),
        until=min((row.deadline for row in rows if row.deadline), default=None),
        may_change={n: configuration.current(session, n) for n in declared.configures},
        builds_on={n: artifacts.result(session, run.id, n) for n in declared.needs},
        shown=fingerprint(session, run, rows),
    )


def everything(session: Session, limit: int) -> list[Question]:
    """What waits in all runs, the longest wait first."""
    found = approvals.everything(session, limit)
    return [one(session, runs.get(session, run_id), step) for run_id, step in found]
