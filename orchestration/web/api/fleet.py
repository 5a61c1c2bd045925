"""Agents, workers and queues."""

from typing import Any

from fastapi import APIRouter

from orchestration.desk import queues
from orchestration.desk import workers as desk
from orchestration.store import agents, alerts
from orchestration.views import fleet, workers
from orchestration.web.authentication import Admin, Operator, TheConsole, Viewer
from orchestration.web.described import Because, Limit, Name, answers, because_of

router = APIRouter(tags=["fleet"])

AGENT = {
    "name": "warehouse_agent", "status": "running", "paused": False, "circuit": "closed",
    "held_back": None,
}  # fmt: skip
WORKER = {
    "id": "0123456789abcdef", "status": "alive", "host": "a", "pid": 42, "running": 1,
    "slots": {"warehouse_agent": 8},
}  # fmt: skip
QUEUE = {"queue": "warehouse_agent", "agent": "warehouse_agent", "ready": 0, "depth": 3}


@router.get("/agents", summary="The agents and their health", responses=answers([AGENT]))
def list_agents(console: TheConsole, _: Viewer) -> list[dict[str, Any]]:
    """Every agent that was ever seen."""
    return [fleet.as_json(each) for each in console.read(agents.everyone)]


@router.post(
    "/agents/{name}/pause",
    summary="Send an agent nothing more",
    responses=answers({"name": "warehouse_agent", "paused": True}, 404),
)
def pause_agent(
    console: TheConsole, actor: Operator, name: Name, because: Because | None = None
) -> dict[str, Any]:
    """What it has begun may finish."""
    console.engine.pause_agents([name], actor.by(because_of(because)))
    return {"name": name, "paused": True}


@router.post(
    "/agents/{name}/resume",
    summary="Let an agent work again",
    responses=answers({"name": "warehouse_agent", "paused": False, "lifted": ["alice"]}, 404),
)
def resume_agent(
    console: TheConsole, actor: Operator, name: Name, because: Because | None = None
) -> dict[str, Any]:
    """Whoever paused it; `lifted` tells who that was."""
    lifted = console.engine.resume_agents([name], actor.by(because_of(because)))
    return {"name": name, "paused": False, "lifted": lifted[name]}


@router.get("/workers", summary="The processes that work", responses=answers([WORKER]))
def list_workers(console: TheConsole, _: Viewer, limit: Limit = 50) -> list[dict[str, Any]]:
    """Those that are not known to be gone, newest first."""
    return console.read(lambda s: workers.listing(s, console.opened.locks, limit))


@router.post(
    "/workers/{name}/drain",
    summary="Let a worker finish what it has, and end",
    responses=answers({"draining": "0123456789abcdef"}, 404),
)
def drain_worker(
    console: TheConsole, actor: Operator, name: Name, because: Because | None = None
) -> dict[str, str]:
    """It takes nothing new; its supervisor starts another one in its place."""
    by = actor.by(because_of(because))
    return {"draining": desk.drain(console.engine, name, by)}


@router.get("/queues", summary="Where messages and steps wait", responses=answers([QUEUE]))
def list_queues(console: TheConsole, _: Viewer) -> list[dict[str, Any]]:
    """What RabbitMQ holds, beside what the store knows."""
    return queues.listing(console.opened.store, console.settings, console.app)[0]


@router.post(
    "/queues/{name}/purge",
    summary="Drop all messages that a queue has ready",
    responses=answers({"queue": "warehouse_agent", "dropped": 3}, 404, 409),
)
def purge_queue(
    console: TheConsole, actor: Admin, name: Name, because: Because | None = None
) -> dict[str, Any]:
    """Steps of an agent are sent again from the store; what else a queue holds is lost."""
    address, _ = queues.purgeable(console.settings, console.app, name)
    by = actor.by(because_of(because))
    return {"queue": name, "dropped": queues.purge(console.engine, address, name, by)}


@router.get(
    "/alerts",
    summary="What people must know of",
    responses=answers([{"id": 1, "kind": "agent_silent", "message": "an agent is silent"}]),
)
def list_alerts(console: TheConsole, _: Viewer, limit: Limit = 50) -> list[dict[str, Any]]:
    """Newest first, and whether they were told."""
    found = console.read(lambda s: alerts.newest(s, limit))
    return list(map(fleet.alert_as_json, found))
