"""`/orchestration/workflows`: runs, listed, told in full, and changed one by one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import TypeAdapter

from orchestration.desk import changes
from orchestration.desk.changes import Change
from orchestration.desk.explaining import explain
from orchestration.state import RunStatus
from orchestration.store import listings
from orchestration.store.listings import Filter
from orchestration.views import progress, workflow
from orchestration.views.progress import Picture
from orchestration.views.times import iso
from orchestration.web.api import cursors
from orchestration.web.authentication import Actor, Operator, TheConsole, Viewer
from orchestration.web.console import Console
from orchestration.web.described import (
    RUN,
    Because,
    Cursor,
    Limit,
    Moment,
    RunId,
    Word,
    answers,
    because_of,
)

router = APIRouter(prefix="/workflows", tags=["workflows"])

SUMMARY = {
    "id": RUN, "command": "restock", "status": "running", "progress": 0.5, "priority": 2,
    "sender": "http:alice", "generation": 1, "created_at": "2026-01-31T06:30:00.000+00:00",
    "started_at": "2026-01-31T06:30:00.010+00:00", "ended_at": None,
}  # fmt: skip
PICTURE = TypeAdapter(Picture)
CHANGED = {"id": RUN, "status": "cancelled"}


@router.get(
    "",
    summary="List runs, newest first",
    responses=answers({"items": [SUMMARY], "next": None}, 404),
)
def list_workflows(  # noqa: PLR0913 - one argument a filter
    console: TheConsole,
    _: Viewer,
    *,
    status: Annotated[list[RunStatus] | None, Query(description="Any of these.")] = None,
    command: Word | None = None,
    since: Annotated[Moment | None, Query(description="Not created before.")] = None,
    text: Annotated[Word, Query(description="In the id, sender, reason or parameters.")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Runs that all filters mean; `next` is the cursor of the page after this one."""
    wanted = Filter(statuses=tuple(status or ()), command=command, since=since, text=text)
    place = cursors.place_in(cursor)
    found = console.read(lambda s: listings.page(s, wanted, limit + 1, place))
    return cursors.page(
        found, limit, workflow.summary, lambda run: (run.created_at.timestamp(), run.id)
    )


@router.get(
    "/{workflow_id}",
    summary="The whole story of a run",
    responses=answers({**SUMMARY, "steps": [], "events": [], "next": "it goes on"}, 404),
)
def get_workflow(console: TheConsole, _: Viewer, workflow_id: RunId) -> dict[str, Any]:
    """A run with its steps, attempts and events, what it waits for, and the cure."""
    story = console.read(lambda s: workflow.detail(s, workflow_id))
    why = explain(console.opened, console.settings, workflow_id)
    waits = {"kind": why.kind, "what": why.what, "cure": why.cure}
    return {**story, "waits_for": waits, "next": why.cure}


@router.get(
    "/{workflow_id}/result",
    summary="How a run ended, or that it has not",
    responses=answers(
        {"workflow_id": RUN, "status": "completed", "result": {}, "error_messages": []}, 404
    ),
)
def get_result(console: TheConsole, _: Viewer, workflow_id: RunId) -> dict[str, Any]:
    """Status, result and error messages; the result is null until the run is completed."""
    return console.read(lambda s: workflow.final(s, workflow_id))


@router.get(
    "/{workflow_id}/progress",
    summary="How far a run is",
    responses=answers({"workflow_id": RUN, "status": "running", "progress": 0.5}, 404),
)
def get_progress(console: TheConsole, _: Viewer, workflow_id: RunId) -> dict[str, Any]:
    """A run in the words of a progress update."""
    return console.read(lambda s: workflow.status(s, workflow_id))


@router.get(
    "/{workflow_id}/picture",
    summary="A run step by step, for live displays",
    responses=answers(
        {"run_id": RUN, "status": "running", "steps": [], "now": SUMMARY["started_at"]}, 404
    ),
)
def get_picture(console: TheConsole, _: Viewer, workflow_id: RunId) -> dict[str, Any]:
    """Each step with its branches, fractions and times, also those that are to come.

    `now` is what time it is by the clock that the times are of.
    """
    picture = console.read(lambda s: progress.picture(s, workflow_id))
    now = iso(console.opened.store.clock.now())
    return {**PICTURE.dump_python(picture, mode="json"), "now": now}


@router.post("/{workflow_id}/cancel", summary="End a run", responses=answers(CHANGED, 404, 409))
def cancel_workflow(
    console: TheConsole, actor: Operator, workflow_id: RunId, because: Because | None = None
) -> dict[str, str]:
    """Nothing new starts in it; what can be undone is undone."""
    return change(console, actor, changes.CANCEL, workflow_id, because)


@router.post("/{workflow_id}/pause", summary="Pause a run", responses=answers(CHANGED, 404, 409))
def pause_workflow(
    console: TheConsole, actor: Operator, workflow_id: RunId, because: Because | None = None
) -> dict[str, str]:
    """Nothing new starts in it; what is claimed may finish."""
    return change(console, actor, changes.PAUSE, workflow_id, because)


@router.post(
    "/{workflow_id}/resume", summary="Let a paused run go on", responses=answers(CHANGED, 404, 409)
)
def resume_workflow(
    console: TheConsole, actor: Operator, workflow_id: RunId, because: Because | None = None
) -> dict[str, str]:
    """It asks for a slot again."""
    return change(console, actor, changes.RESUME, workflow_id, because)


@router.post(
    "/{workflow_id}/retry",
    summary="Let an ended run go on from what did not finish",
    responses=answers(CHANGED, 404, 409),
)
def retry_workflow(
    console: TheConsole, actor: Operator, workflow_id: RunId, because: Because | None = None
) -> dict[str, str]:
    """The same run again, in a new generation; where something was undone, fork it instead."""
    return change(console, actor, changes.RETRY, workflow_id, because)


def change(
    console: Console, actor: Actor, wanted: Change, run_id: str, because: Because | None
) -> dict[str, str]:
    """Change one run, and tell its status."""
    by = actor.by(because_of(because))
    return {"id": run_id, "status": wanted.make(console.engine, run_id, by).value}
