"""A workflow run as people and programs see it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.plans import UNDO
from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import artifacts, attempts, events, runs, steps, workers
from orchestration.store.attempts import AttemptRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.views import error
from orchestration.views.times import iso

MOST_EVENTS = 1_000
DONE = frozenset({StepStatus.COMPLETED, StepStatus.SKIPPED})


def summary(run: RunRow) -> dict[str, Any]:
    """One line of a listing."""
    return {
        "id": run.id,
        "command": run.command,
        "status": run.status.value,
        "progress": round(run.progress, 4),
        "priority": run.priority,
        "sender": run.sender,
        "generation": run.generation,
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
    }


def overview(session: Session, run: RunRow) -> dict[str, Any]:
    """A run without its steps."""
    return {
        **summary(run),
        "forked_from": run.forked_from,
        "parameters": json.loads(run.parameters),
        "reason": run.reason,
        "error_messages": error_messages(session, run),
    }


def detail(session: Session, run_id: str) -> dict[str, Any]:
    """A run with its steps, attempts and events.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    failed = attempts.by_branch(attempts.of_run(session, run_id))
    happened = events.after(session, 0, MOST_EVENTS + 1, run_id)
    return {
        **overview(session, run),
        "steps": [
            {
                **branch(session, run, row, failed[row.step, row.branch]),
                "attempts": [attempt(session, each) for each in failed[row.step, row.branch]],
            }
            for row in steps.of_run(session, run_id)
        ],
        "events": [
            {
                "at": iso(e.at),
                "kind": e.kind,
                "step": e.step,
                "branch": e.branch,
                "detail": error.one_line(e.detail),
            }
            for e in happened[:MOST_EVENTS]
        ],
        "events_truncated": len(happened) > MOST_EVENTS,
    }


def result(session: Session, run_id: str) -> Any:
    """The result of a completed run, else None.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    if run.status is not RunStatus.COMPLETED:
        return None
    values = artifacts.result(session, run_id, run.plan.result)
    if run.plan.step[run.plan.result].fans_out:
        return values
    return values[0] if values else None


def final(session: Session, run_id: str) -> dict[str, Any]:
    """How a run ended: id, status, result and messages.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    return {
        "workflow_id": run.id,
        "status": run.status.value,
        "result": result(session, run_id),
        "error_messages": error_messages(session, run),
    }


def status(session: Session, run_id: str) -> dict[str, Any]:
    """A run in the words of its progress updates, with its times, and its result once there is one.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    return {
        **told(session, run_id).progress,
        "requester": run.sender,
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "result": result(session, run_id),
        "error_messages": error_messages(session, run),
    }


def error_messages(session: Session, run: RunRow) -> list[str]:
    """Why a run failed: its reason and the errors of its failed branches, one line each."""
    failed = (row for row in steps.of_run(session, run.id) if row.status is StepStatus.FAILED)
    messages = [f"step {label(row)}: {error.one_line(row.error)}" for row in failed if row.error]
    return [run.reason, *messages] if run.reason else messages


def label(row: StepRow) -> str:
    """The name of a branch, for people."""
    return named(row.step, row.branch, fans_out=row.item is not None)


def named(step: str, branch: int, *, fans_out: bool) -> str:
    """A step's name, with the branch's number if the step fans out, even to one branch."""
    return f"{step}[{branch}]" if fans_out else step


def branch(
    session: Session, run: RunRow, row: StepRow, failed: Sequence[AttemptRow]
) -> dict[str, Any]:
    """One branch of a step; its attempts that did not complete are only counted."""
    return {
        "step": row.step,
        "branch": row.branch,
        "name": label(row),
        "agent": row.agent,
        "status": row.status.value,
        "reused_from": run.forked_from if row.is_reused else None,
        "attempt": attempts.made(row, failed),
        "failures": row.failures,
        "losses": row.losses,
        "fraction": row.fraction,
        "message": row.said,
        "opened_at": iso(row.opened_at),
        "claimed_at": iso(row.claimed_at),
        "ended_at": iso(row.ended_at),
        "due_at": iso(row.deadline if row.status is StepStatus.WAITING else row.due_at),
        "worker": _worker(session, row.worker),
        "error": row.error and json.loads(row.error),
    }


def attempt(session: Session, row: AttemptRow) -> dict[str, Any]:
    """One attempt that did not complete."""
    return {
        "attempt": row.ordinal,
        "outcome": row.outcome,
        "may_still_act": row.acting,
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "fraction": row.fraction,
        "message": row.message,
        "worker": _worker(session, row.worker),
        "error": row.error and json.loads(row.error),
    }


def _worker(session: Session, worker: str | None) -> dict[str, Any] | None:
    if worker and worker.startswith(steps.OUTSIDE):
        return {"id": worker, "host": None, "pid": None, "release": None}
    row = workers.get(session, worker) if worker else None
    if row is None:
        return None
    return {"id": row.id, "host": row.host, "pid": row.pid, "release": row.release}


@dataclass(frozen=True, slots=True)
class Told:
    """What the requester of a run is told while it runs."""

    correlation_id: str | None
    progress: dict[str, Any]


def told(session: Session, run_id: str) -> Told:
    """The run in the words of a progress update, without the time.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    rows = [row for row in steps.of_run(session, run_id) if not row.step.startswith(UNDO)]
    by_step = {step.name: [r for r in rows if r.step == step.name] for step in run.plan.steps}
    begun = {name: found for name, found in by_step.items() if found}
    current = [name for name, found in begun.items() if any(row.status.open for row in found)]
    done = [n for n, found in begun.items() if all(r.status in DONE for r in found)]
    failed = [n for n, found in begun.items() if any(r.status is StepStatus.FAILED for r in found)]
    progress = {
        "workflow_id": run.id,
        "command_type": run.command,
        "progress": round(run.progress, 4),
        "current_step": current[0] if current else (list(begun)[-1] if begun else None),
        "status": run.status.value,
        "details": {
            "steps_completed": done,
            "steps_failed": failed,
            "error_messages": error_messages(session, run),
        },
    }
    return Told(run.correlation_id, progress)
