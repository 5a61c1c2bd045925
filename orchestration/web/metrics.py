"""`GET /orchestration/metrics` and `/metrics`: the whole fleet in numbers, for Prometheus."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from orchestration.runtime.running import release
from orchestration.views import exposition, metrics
from orchestration.web.authentication import TheConsole, Viewer
from orchestration.web.described import EVERYWHERE, Responses, told

router = APIRouter(tags=["metrics"])

EXAMPLE = """\
# TYPE orchestration_workers gauge
orchestration_workers 2
"""
TEXT = {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}}
ANSWERS: Responses = {200: {"description": "OK", "content": TEXT}, **told(EVERYWHERE)}


@router.get(
    "/orchestration/metrics",
    summary="The whole fleet in numbers, for Prometheus",
    response_class=PlainTextResponse,
    responses=ANSWERS,
)
@router.get("/metrics", include_in_schema=False)
def get_metrics(console: TheConsole, _: Viewer) -> Response:
    """Prometheus' text format; each process of a fleet tells the same, so ask one of them."""
    figures = metrics.read(
        console.opened.store,
        console.app,
        console.clock.now(),
        console.settings.max_concurrent_workflows,
        release(),
        console.settings.outside_agents,
    )
    return Response(exposition.text(figures), media_type=exposition.CONTENT_TYPE)
