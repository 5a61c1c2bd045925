"""`/health/live` and `/health/ready`: for whatever starts, watches and routes to this process."""

from typing import Any

from fastapi import APIRouter, Response

from orchestration.errors import StoreError
from orchestration.runtime.look import broker_state
from orchestration.web.authentication import Desk
from orchestration.web.console import Console
from orchestration.web.described import Responses, answers, told

router = APIRouter(prefix="/health", tags=["health"])

UNREADY: Responses = {
    503: {
        "description": "Something that it needs cannot be used.",
        "content": {"application/json": {"example": {"status": "unready", "store": "..."}}},
    }
}


@router.get(
    "/live",
    summary="Whether this process answers",
    responses=answers({"status": "alive"}) | told((421,)),
)
async def live() -> dict[str, str]:
    """Answers as long as the process does; asks nobody else."""
    return {"status": "alive"}


@router.get(
    "/ready",
    summary="Whether this process can do its work",
    responses=answers({"status": "ready"}) | told((421,)) | UNREADY,
)
def ready(console: Desk, response: Response) -> dict[str, Any]:
    """Answers 200 if the store, and RabbitMQ where there is one, can be used; else 503."""
    found = {"store": store_problem(console), "broker": broker_problem(console)}
    problems = {name: problem for name, problem in found.items() if problem}
    if problems:
        response.status_code = 503
    return {"status": "unready" if problems else "ready", **problems}


def store_problem(console: Console) -> str | None:
    """Why the store cannot be read."""
    try:
        console.read(lambda s: s.one("SELECT 1"))
    except StoreError:
        return "the store cannot be read: `orchestrate doctor` tells more"
    return None


def broker_problem(console: Console) -> str | None:
    """Why RabbitMQ cannot be used, where there should be one."""
    if console.address is None:
        return None
    return None if broker_state(console.address)["reachable"] else "RabbitMQ cannot be used"
