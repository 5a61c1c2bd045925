"""The configuration of the fleet, and the large results of runs."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from orchestration.errors import NotFoundError
from orchestration.store import artifacts, configuration, runs
from orchestration.views.configuration import as_json
from orchestration.web.authentication import TheConsole, Viewer
from orchestration.web.described import Limit, RunId, Word, answers

router = APIRouter()

VERSION = {
    "name": "trading_mode", "version": 2, "value": "paper", "workflow_id": None, "step": None,
    "at": "2026-01-31T06:30:00.000+00:00", "actor": "management_agent",
}  # fmt: skip
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get(
    "/configuration",
    tags=["configuration"],
    summary="What the fleet goes by",
    responses=answers([VERSION]),
)
def list_configuration(console: TheConsole, _: Viewer) -> list[dict[str, Any]]:
    """The newest version of each name."""
    return list(map(as_json, console.read(configuration.everything)))


@router.get(
    "/configuration/history",
    tags=["configuration"],
    summary="What steps have configured, and when",
    responses=answers([VERSION]),
)
def get_configuration_history(
    console: TheConsole, _: Viewer, *, name: Word | None = None, limit: Limit = 50
) -> list[dict[str, Any]]:
    """Versions of one name or of all, newest first."""
    return list(map(as_json, console.read(lambda s: configuration.history(s, name, limit))))


@router.get(
    "/workflows/{workflow_id}/artifacts",
    tags=["workflows"],
    summary="The large results of a run",
    responses=answers([{"digest": "0" * 64, "size": 70_000}], 404),
)
def list_artifacts(console: TheConsole, _: Viewer, workflow_id: RunId) -> list[dict[str, Any]]:
    """Those that are too large for their step; small ones stand in the run's results."""
    console.read(lambda s: runs.status(s, workflow_id))
    found = console.read(lambda s: artifacts.sizes(s, workflow_id))
    return [{"digest": digest, "size": size} for digest, size in found]


@router.get(
    "/workflows/{workflow_id}/artifacts/{digest}",
    tags=["workflows"],
    summary="One large result",
    response_class=Response,
    responses=answers({"equity_curve": []}, 404),
)
def get_artifact(console: TheConsole, _: Viewer, workflow_id: RunId, digest: Digest) -> Response:
    """The JSON as its step returned it."""
    body = console.read(lambda s: artifacts.get(s, workflow_id, digest))
    if not body:
        raise NotFoundError(f"{workflow_id} has no artifact {digest}: its listing names them")
    return Response(body, media_type="application/json")
