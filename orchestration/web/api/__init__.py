"""The HTTP API for programs: every route under `/orchestration`."""

from fastapi import APIRouter

from orchestration.web.api import (
    approvals,
    bulk,
    commands,
    configuration,
    dead_letters,
    events,
    fleet,
    forks,
    schedules,
    security,
    status,
    workflows,
)
from orchestration.web.described import EVERYWHERE, told

router = APIRouter(prefix="/orchestration", responses=told(EVERYWHERE))
for each in (
    status, commands, events, bulk, workflows, forks, approvals, fleet, dead_letters, schedules,
    security, configuration,
):  # fmt: skip
    router.include_router(each.router)
