"""`/`: the fleet at one look."""

from fastapi import APIRouter, Response

from orchestration.views import overview as view
from orchestration.web.pages.drawing import bars, spark
from orchestration.web.pages.visit import Looking

router = APIRouter()


@router.get("/")
def overview(visit: Looking) -> Response:
    """What runs now, how runs ended lately, and what needs a person."""
    found = visit.console.read(lambda s: view.overview(s, visit.now))
    return visit.page(
        "overview.html",
        found=found,
        bars=bars(found.hours),
        sparks={lane.agent.name: spark(lane.depth) for lane in found.lanes.lanes},
        pending=spark(found.pending),
        slots=visit.console.settings.max_concurrent_workflows,
    )
