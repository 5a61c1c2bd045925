"""`/health/live` and `/health/ready`: for whatever starts, watches and routes to this process."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from orchestration.errors import StoreError
from orchestration.runtime.look import broker_state
from orchestration.web.console import Console
from orchestration.web.described import Responses, answers, told

router = APIRouter(prefix="/health", tags=["health"])

KEPT_S = 1.0
UNREADY: Responses = {
    503: {
        "description": "Something that it needs cannot be used.",
        "content": {"application/json": {"example": {"status": "unready", "store": "..."}}},
    }
}


class Readiness:
    """What keeps this process from its work: looked at once for all who ask within a second.

    Anybody may ask, as often as they like, so nobody's question costs a connection or a thread.

    Args:
        console: Has the store, and the address of RabbitMQ.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._looking = asyncio.Lock()
        self._found: dict[str, str] = {}
        self._until = 0.0

    async def problems(self) -> dict[str, str]:
        """Why something cannot be used, by its name."""
        monotonic = self._console.clock.monotonic
        async with self._looking:
            if monotonic() >= self._until:
                self._found = await run_in_threadpool(problems_of, self._console)
                self._until = monotonic() + KEPT_S
            return self._found


def readiness_of(request: Request) -> Readiness:
    """The readiness of the app that a request came to."""
    readiness: Readiness = request.app.state.readiness
    return readiness


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
async def ready(
    readiness: Annotated[Readiness, Depends(readiness_of)], response: Response
) -> dict[str, Any]:
    """Answers 200 if the store, and RabbitMQ where there is one, can be used; else 503."""
    problems = await readiness.problems()
    if problems:
        response.status_code = 503
    return {"status": "unready" if problems else "ready", **problems}


def problems_of(console: Console) -> dict[str, str]:
    """Why the store or RabbitMQ cannot be used now."""
    found = {"store": store_problem(console), "broker": broker_problem(console)}
    return {name: problem for name, problem in found.items() if problem}


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
