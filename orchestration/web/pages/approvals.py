"""`/approvals`: the steps that wait for approval."""

from fastapi import APIRouter, Response

from orchestration.desk import approvals as desk
from orchestration.web.pages.visit import Looking

router = APIRouter()

MOST = 50


@router.get("/approvals")
def approvals(visit: Looking) -> Response:
    """The waiting steps, the longest wait first, with the configuration that they may change."""
    found = visit.console.read(lambda s: desk.waiting(s, MOST))
    return visit.page("approvals.html", questions=found, most=MOST)
