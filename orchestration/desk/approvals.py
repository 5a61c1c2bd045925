"""Steps that wait for approval: what approvers are shown, and an answer for that alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.engine.answers import fingerprint
from orchestration.errors import StateError
from orchestration.plans import UNDO
from orchestration.ports import Session
from orchestration.state import StepStatus
from orchestration.store import approvals, artifacts, causers, configuration, runs, steps
from orchestration.store.configuration import Version
from orchestration.store.runs import RunRow
from orchestration.views.times import iso


@dataclass(frozen=True, slots=True)
class Question:
    """A step that waits for approval, and everything that a decision about it rests on.

    Attributes:
        until: The earliest deadline of its branches; None: it has none.
        may_change: The configuration that the step may set, as it is now.
        builds_on: The results of the steps that it needs, by name.
        shown: The fingerprint of what is approved: if the step has changed, an answer is refused.
        causers: The people behind the run: none of them may answer.
    """

    run: RunRow
    step: str
    agent: str
    branches: int
    since: datetime
    until: datetime | None
    may_change: Mapping[str, Version | None]
    builds_on: Mapping[str, Any]
    shown: str
    causers: frozenset[str]

    @property
    def run_id(self) -> str:
        """The id of the step's run."""
        return self.run.id


def waiting(session: Session, limit: int) -> list[Question]:
    """The steps that wait for approval, the longest wait first."""
    found = approvals.everything(session, limit)
    return [question(session, runs.get(session, run_id), step) for run_id, step in found]


def of_run(session: Session, run: RunRow) -> list[Question]:
    """The steps of a run that wait for approval."""
    return [question(session, run, step) for step in names(session, run)]


def look(session: Session, run_id: str, step: str | None) -> Question:
    """The step of a run that waits for approval, by its name or as the only one.

    Raises:
        NotFoundError: There is no such run.
        StateError: Nothing waits there, or several steps do and none is named.
    """
    run = runs.get(session, run_id)
    return question(session, run, meant(run_id, run.status, names(session, run), step))


def meant(run_id: str, status: str, waiting: Sequence[str], step: str | None) -> str:
    """The name of the waiting step: the one given, or the only one.

    Raises:
        StateError: Nothing waits there, or several steps do and none is named.
    """
    if not waiting or (step is not None and step not in waiting):
        what = f"step {step!r} does not wait" if step else "nothing waits"
        raise StateError(
            f"{run_id} is {status}: {what} for an approval;"
            f" waiting: {', '.join(waiting) or 'none'};"
            f" `orchestrate workflows why {run_id}` says what it waits for"
        )
    if step is None and len(waiting) > 1:
        raise StateError(f"{run_id}: several steps wait, name one of them: {', '.join(waiting)}")
    return step or waiting[0]


def names(session: Session, run: RunRow) -> list[str]:
    """The names of the waiting steps of a run, sorted."""
    waits = (row for row in steps.of_run(session, run.id) if row.status is StepStatus.WAITING)
    return sorted({row.step for row in waits})


def question(session: Session, run: RunRow, step: str) -> Question:
    """A waiting step of a run, with what a decision rests on."""
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
        causers=frozenset(causers.of_run(session, run.id)),
    )


def changes_told(asked: Question) -> str:
    """The configuration that an approval may change, in one line."""
    told = [f"{name} (now {in_short(now)})" for name, now in asked.may_change.items()]
    return ", ".join(told) or "no configuration"


def in_short(version: Version | None) -> str:
    """A value of the configuration in one line."""
    return "unset" if version is None else f"{json.dumps(version.value)}, v{version.version}"


def as_json(asked: Question) -> dict[str, Any]:
    """A question as people and programs see it."""
    return {
        "workflow_id": asked.run_id,
        "command": asked.run.command,
        "step": asked.step,
        "sender": asked.run.sender,
        "parameters": json.loads(asked.run.parameters),
        "may_change": changes_told(asked),
        "builds_on": asked.builds_on,
        "until": iso(asked.until),
        "shown": asked.shown,
    }
