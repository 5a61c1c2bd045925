"""Steps that wait for a person: what he is shown, and his answer, which counts for that alone."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from orchestration.engine.control import fingerprint
from orchestration.errors import StateError
from orchestration.ports import Session
from orchestration.state import StepStatus
from orchestration.store import approvals, artifacts, configuration, runs, steps
from orchestration.store.configuration import Version
from orchestration.views.times import iso
from orchestration.views.workflow import summary


class Question(NamedTuple):
    """One step that waits, and what a person is shown of it.

    Attributes:
        builds_on: The results of the steps that it needs, shown where it is the only one.
        shown: The fingerprint of what is approved.
        until: When it has been waited for too long.
    """

    run_id: str
    step: str
    row: dict[str, Any]
    builds_on: dict[str, Any]
    shown: str
    until: datetime | None


def waiting(session: Session, limit: int) -> list[Question]:
    """Everything that waits for a person, the longest wait first."""
    return [look(session, run_id, step) for run_id, step in approvals.everything(session, limit)]


def look(session: Session, run_id: str, step: str | None) -> Question:
    """What waits in a run.

    Raises:
        NotFoundError: There is no such run.
        StateError: Nothing waits there, or several steps do and none is named.
    """
    run, rows = runs.get(session, run_id), steps.of_run(session, run_id)
    waiting = [row for row in rows if row.status is StepStatus.WAITING]
    names = sorted({row.step for row in waiting})
    if not names or (step is not None and step not in names):
        what = f"step {step!r} does not wait" if step else "nothing waits"
        raise StateError(
            f"{run_id} is {run.status}: {what} for an approval;"
            f" waiting: {', '.join(names) or 'none'};"
            f" `orchestrate workflows why {run_id}` says what it waits for"
        )
    if step is None and len(names) > 1:
        raise StateError(f"{run_id}: several steps wait, name one of them: {', '.join(names)}")
    name = step or names[0]
    now = {each: configuration.current(session, each) for each in run.plan.step[name].configures}
    may_change = ", ".join(f"{n} (now {told(v)})" for n, v in now.items()) or "no configuration"
    shown = {**summary(run), "step": name, "parameters": run.parameters, "may_change": may_change}
    mine = [row for row in waiting if row.step == name]
    builds_on = {
        need: artifacts.result(session, run_id, need) for need in run.plan.step[name].needs
    }
    until = min((row.deadline for row in mine if row.deadline), default=None)
    return Question(run_id, name, shown, builds_on, fingerprint(session, run, mine), until)


def told(version: Version | None) -> str:
    """A value of the configuration in one line."""
    return "unset" if version is None else f"{json.dumps(version.value)}, v{version.version}"


def as_json(question: Question) -> dict[str, Any]:
    """A question as people and programs see it."""
    row = question.row
    return {
        "workflow_id": question.run_id,
        "command": row["command"],
        "step": question.step,
        "sender": row["sender"],
        "parameters": json.loads(row["parameters"]),
        "may_change": row["may_change"],
        "builds_on": question.builds_on,
        "until": iso(question.until),
        "shown": question.shown,
    }
