"""The console: pages for people, rendered here, without any request to another site."""

from fastapi import APIRouter, Depends

from orchestration.web.pages import (
    agents,
    approvals,
    dead_letters,
    emergency,
    entrance,
    failures,
    files,
    forking,
    overview,
    queues,
    records,
    schedules,
    starting,
    tokens,
    workflow,
    workflows,
)
from orchestration.web.pages.trouble import render_problem
from orchestration.web.pages.visit import named

__all__ = ["render_problem", "router"]

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])
for part in (
    overview,
    starting,
    workflows,
    forking,
    workflow,
    failures,
    approvals,
    agents,
    queues,
    dead_letters,
    schedules,
    records,
    emergency,
    tokens,
    entrance,
    files,
):
    router.include_router(part.router)
