"""`/approvals`: everything that waits for a person."""

from fastapi import APIRouter, Response

from orchestration.desk import approvals as desk
from orchestration.web.pages.visit import Looking

router = APIRouter()

MOST = 50


@router.get("/approvals")
def approvals(visit: Looking) -> Response:
    """What waits, the longest wait first, with what it would change."""
    found = visit.console.read(lambda s: desk.waiting(s, MOST))
    return visit.page("approvals.html", questions=found, most=MOST)
