"""`/emergency`: stop everything, see who has acknowledged it, and release it."""

from fastapi import APIRouter, Response

from orchestration.desk import stopping
from orchestration.errors import RejectedError
from orchestration.views import emergency as view
from orchestration.web.pages.visit import Filled, Looking, Operating, Releasing, text_of

router = APIRouter(prefix="/emergency")


@router.get("")
def emergency(visit: Looking) -> Response:
    """Whether a stop holds, and what became of it."""
    return visit.page("emergency.html", stop=visit.console.read(view.status))


@router.post("/stop")
def stop(visit: Operating, form: Filled) -> Response:
    """Cancel all work and start nothing new, until released."""
    reason = text_of(form, "reason")
    if not reason:
        raise RejectedError("say why everything has to stop: it stands in every record of it")
    console = visit.console
    stopping.stop(console.engine, console.opened.locks, visit.who.by(reason))
    return visit.go("/emergency", "stop")


@router.post("/release")
def release(visit: Releasing, form: Filled) -> Response:
    """Allow work again."""
    visit.console.engine.release(visit.who.by(text_of(form, "reason")))
    return visit.go("/emergency", "release")
