"""`GET /orchestration/status`: the fleet in one answer."""

from typing import Any

from fastapi import APIRouter

from orchestration.runtime.look import broker_state
from orchestration.views.fleet import FleetView
from orchestration.web.authentication import TheConsole, Viewer
from orchestration.web.described import answers

router = APIRouter(tags=["fleet"])


@router.get(
    "/status",
    summary="Agents, queues, runs and the success rate",
    responses=answers({"workflows": {"running": 2}, "workers": 1, "emergency_stop": False}),
)
def get_status(console: TheConsole, _: Viewer) -> dict[str, Any]:
    """What `orchestrate status -o json` prints."""
    broker = None if console.address is None else broker_state(console.address)
    return FleetView(console.opened.store, console.clock).status() | {"broker": broker}
