"""`/agents`: a lane for each agent, and the workers behind them."""

from fastapi import APIRouter, Response

from orchestration.desk import workers
from orchestration.views import lanes
from orchestration.web.pages.drawing import spark
from orchestration.web.pages.visit import Filled, Looking, Operating, text_of

router = APIRouter(prefix="/agents")


@router.get("")
def agents(visit: Looking) -> Response:
    """Every agent: its slots, running steps and heartbeat, and what waited over a day."""
    found = visit.console.read(lambda s: lanes.lanes(s, visit.now))
    sparks = {lane.agent.name: spark(lane.depth) for lane in found.lanes}
    locks = visit.console.opened.locks
    dead = {worker.id for worker in found.workers if locks.is_free(worker.id)}
    return visit.page("agents.html", found=found, sparks=sparks, dead=dead)


@router.post("/pause")
def pause(visit: Operating, form: Filled) -> Response:
    """Send an agent nothing more; what it works on may finish."""
    name = text_of(form, "agent")
    visit.console.engine.pause_agents([name], visit.who.by(text_of(form, "reason")))
    return visit.go("/agents", "pause_agent")


@router.post("/resume")
def resume(visit: Operating, form: Filled) -> Response:
    """Send an agent its steps again, whoever paused it, and even if its circuit is open."""
    name = text_of(form, "agent")
    visit.console.engine.resume_agents([name], visit.who.by(text_of(form, "reason")))
    return visit.go("/agents", "resume_agent")


@router.post("/drain")
def drain(visit: Operating, form: Filled) -> Response:
    """Let a worker finish what it has, and end."""
    workers.drain(visit.console.engine, text_of(form, "worker"), visit.who.by())
    return visit.go("/agents", "drain")
