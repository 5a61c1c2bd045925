"""`/docs`: the OpenAPI description for people, without any request to another site.

Swagger UI comes from an installed package; the page is our own, so that it has no inline script.
"""

from importlib import resources

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)

PACKAGE = "fastapi_swagger"
TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
START = """\
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json", dom_id: "#reference", deepLinking: true, tryItOutEnabled: true,
  });
});
"""
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>orchestration: HTTP</title>
<link rel="icon" href="/docs/files/favicon-32x32.png">
<link rel="stylesheet" href="/docs/files/swagger-ui.css">
<div id="reference"></div>
<script src="/docs/files/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
A_DAY = {"Cache-Control": "private, max-age=86400"}


@router.get("/docs")
def page() -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE)


@router.get("/docs/start.js")
def start() -> Response:
    """What shows the description on the page."""
    return Response(START, media_type="text/javascript", headers=A_DAY)


@router.get("/docs/files/{name}")
def file(name: str) -> Response:
    """One file of Swagger UI."""
    if name not in TYPES:
        return Response(status_code=404)
    found = resources.files(PACKAGE).joinpath("resources", name).read_bytes()
    return Response(found, media_type=TYPES[name], headers=A_DAY)
