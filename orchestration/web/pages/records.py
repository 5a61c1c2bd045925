"""`/configuration` and `/audit`: the configuration's versions, and what people did."""

from fastapi import APIRouter, Response

from orchestration.ports import Session
from orchestration.store import audit as deeds
from orchestration.store import configuration as versions
from orchestration.store.configuration import Version
from orchestration.web.pages.visit import Asked, Before, Looking

router = APIRouter()

PAGE = 100


@router.get("/configuration")
def configuration(visit: Looking, name: Asked = "") -> Response:
    """The current configuration, and every earlier version."""

    def look(session: Session) -> tuple[list[Version], list[Version]]:
        return versions.everything(session), versions.history(session, name or None, PAGE)

    current, history = visit.console.read(look)
    return visit.page("configuration.html", current=current, history=history, name=name, most=PAGE)


@router.get("/audit")
def audit(
    visit: Looking,
    q: Asked = "",
    before: Before | None = None,
) -> Response:
    """What people did, newest first."""
    found = visit.console.read(lambda s: deeds.newest(s, PAGE + 1, before, q[:200]))
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return visit.page("audit.html", deeds=found[:PAGE], q=q, older=older)
