"""`POST /orchestration/workflows/{id}/fork`: a new run that takes over what was finished."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field, StrictBool

from orchestration.clock import run_hex
from orchestration.desk.forks import as_json, make
from orchestration.engine.fork import Edits, keyed, propose
from orchestration.web.authentication import Operator, TheConsole
from orchestration.web.described import RUN, Body, Key, Reason, RunId, answers, shown_as

router = APIRouter(prefix="/workflows", tags=["workflows"])

EXAMPLE = {"parameters": {"skus": ["A1"]}, "again": ["shipping"], "preview": True}
MADE = {
    "id": RUN, "forked_from": "restock_ba9876543210", "status": "pending",
    "reused": ["reserving"], "runs_again": ["shipping (asked for)"], "edited": ["skus"],
}  # fmt: skip


class Changed(Body):
    """How the new run is to differ."""

    model_config = shown_as(EXAMPLE)

    parameters: dict[str, Any] = Field(default_factory=dict, description="New values, by name.")
    again: list[str] = Field(
        default_factory=list, max_length=100, description="Steps that run again, and all after."
    )
    preview: Annotated[
        StrictBool, Field(description="Tell what it would do, and make nothing.")
    ] = False
    reason: Reason = ""


@router.post(
    "/{workflow_id}/fork",
    status_code=202,
    summary="Fork an ended run",
    responses=answers(MADE, 404, 409, status=202) | answers({**MADE, "id": None, "status": None}),
)
def fork_workflow(
    console: TheConsole,
    actor: Operator,
    workflow_id: RunId,
    response: Response,
    changed: Changed | None = None,
    key: Key = None,
) -> dict[str, Any]:
    """Makes a new run that takes over finished results; with `preview`, only says how."""
    wish = changed or Changed()
    edits = Edits(wish.parameters, tuple(wish.again))
    proposal = console.read(
        lambda s: propose(
            s, console.app, workflow_id, edits, sender=actor.sender, run_hex=run_hex()
        )
    )
    if wish.preview:
        response.status_code = 200
        return as_json(proposal)
    if key is not None:
        proposal = keyed(proposal, key)
    made = make(console.engine, proposal, actor.by(wish.reason))
    response.headers["Location"] = f"/orchestration/workflows/{made.run_id}"
    return as_json(proposal, made)
