"""Steps that wait for approval: what approvers are shown, and their answer."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from orchestration.desk import approvals
from orchestration.desk.approvals import Question
from orchestration.errors import RejectedError
from orchestration.ports import Session
from orchestration.store import runs
from orchestration.web.authentication import Approver, TheConsole, Viewer
from orchestration.web.described import (
    RUN,
    SHOWN,
    Body,
    Limit,
    Reason,
    RunId,
    Word,
    answers,
    shown_as,
)

router = APIRouter(tags=["approvals"])

WAITING = {
    "workflow_id": RUN, "command": "restock", "step": "shipping", "sender": "http:alice",
    "parameters": {"skus": ["A1"]}, "may_change": "no configuration", "builds_on": {},
    "until": "2026-02-01T06:30:00.000+00:00", "shown": SHOWN, "own": False,
}  # fmt: skip
ANSWERED = {"id": RUN, "status": "pending"}
UNSEEN = (
    "shown: say what is approved, by `shown` of GET /orchestration/approvals: it tells this run's"
    " question and its fingerprint"
)
Step = Annotated[str, Field(max_length=200, description="Which one, where several wait.")]


class Approval(Body):
    """What is allowed."""

    model_config = shown_as({"step": "shipping", "shown": SHOWN})

    step: Step | None = None
    shown: Annotated[
        str | None,
        Field(max_length=100, description="`shown` of the listing; needed: only that is approved."),
    ] = None
    reason: Reason = ""


class Rejection(Body):
    """What is refused."""

    model_config = shown_as({"reason": "not today"})

    step: Step | None = None
    reason: Reason = ""


@router.get("/approvals", summary="What waits for a person", responses=answers([WAITING], 404))
def list_approvals(
    console: TheConsole, actor: Viewer, *, limit: Limit = 50, workflow_id: Word | None = None
) -> list[dict[str, Any]]:
    """The longest wait first, with what an approval builds on; `own` runs others must answer."""

    def look(session: Session) -> list[Question]:
        if workflow_id is None:
            return approvals.waiting(session, limit)
        return approvals.of_run(session, runs.get(session, workflow_id))[:limit]

    found, by = console.read(look), actor.by()
    return [{**approvals.as_json(each), "own": by.owns(each.causers)} for each in found]


@router.post(
    "/workflows/{workflow_id}/approve",
    summary="Allow a step that waits",
    responses=answers(ANSWERED, 404, 409, 422),
)
def approve_workflow(
    console: TheConsole, actor: Approver, workflow_id: RunId, answer: Approval | None = None
) -> dict[str, str]:
    """What `shown` tells was seen, and never by the token that started the run."""
    given = answer or Approval()
    question = console.read(lambda s: approvals.look(s, workflow_id, given.step))
    if not given.shown:
        raise RejectedError(UNSEEN)
    status = console.engine.approve(workflow_id, question.step, given.shown, actor.by(given.reason))
    return {"id": workflow_id, "status": status.value}


@router.post(
    "/workflows/{workflow_id}/reject",
    summary="Refuse a step that waits: the run is cancelled",
    responses=answers({"id": RUN, "status": "cancelled"}, 404, 409),
)
def reject_workflow(
    console: TheConsole, actor: Approver, workflow_id: RunId, answer: Rejection | None = None
) -> dict[str, str]:
    """What can be undone is undone."""
    given = answer or Rejection()
    question = console.read(lambda s: approvals.look(s, workflow_id, given.step))
    status = console.engine.reject(workflow_id, question.step, actor.by(given.reason))
    return {"id": workflow_id, "status": status.value}
