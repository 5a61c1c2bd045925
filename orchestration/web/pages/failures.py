"""`/failures`: recent failures by kind, with one button to retry all runs of a kind."""

from datetime import timedelta

from fastapi import APIRouter, Response

from orchestration.desk import changes
from orchestration.errors import NotFoundError
from orchestration.views import failures as view
from orchestration.views.failures import Kind
from orchestration.web.pages.visit import Filled, Looking, Operating, text_of

router = APIRouter(prefix="/failures")

LOOKED_BACK = timedelta(days=7)


@router.get("")
def failures(visit: Looking) -> Response:
    """Groups of failures, the latest failure first."""
    found = visit.console.read(lambda s: view.failures(s, visit.now - LOOKED_BACK))
    return visit.page("failures.html", found=found, most=view.MOST)


@router.post("/retry")
def retry(visit: Operating, form: Filled) -> Response:
    """Retry every run of a group that is still failed."""
    kind = Kind(*(text_of(form, name) for name in ("command", "step", "error", "release")))
    found = visit.console.read(lambda s: view.failures(s, visit.now - LOOKED_BACK))
    group = next((each for each in found.groups if each.kind == kind), None)
    if group is None:
        raise NotFoundError("nothing of this kind fails any more: /failures shows what does")
    by = visit.who.by(f"every {kind.error} in {kind.step}")
    changed, refused = changes.make_all(visit.console.engine, changes.RETRY, group.runs, by)
    return visit.page(
        "bulk_done.html", name="retry", done=len(changed), refused=list(map(str, refused))
    )
