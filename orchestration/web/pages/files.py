"""The style and the script of the pages: files of this package, each at an address with its digest.

So a browser keeps a file until it changes. The style is written in several files, one for each
concern, and served as one.
"""

import hashlib
from importlib import resources

from fastapi import APIRouter
from fastapi.responses import Response

from orchestration.web.pages.visit import TEMPLATES

router = APIRouter()

TYPES = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}
STYLES = (
    "tokens", "ground", "frame", "blocks", "states", "tables", "forms", "drawings", "values",
    "narrow",
)  # fmt: skip
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
STATIC = resources.files("orchestration.web.pages").joinpath("static")
CONTENTS = {
    "console.css": b"\n".join(
        STATIC.joinpath("styles", f"{each}.css").read_bytes() for each in STYLES
    ),
    "console.js": STATIC.joinpath("console.js").read_bytes(),
    "mark.svg": STATIC.joinpath("mark.svg").read_bytes(),
}
DIGESTS = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in CONTENTS.items()}


def address(name: str) -> str:
    """The path at which a file is served."""
    return f"/static/{DIGESTS[name]}/{name}"


TEMPLATES.globals["address"] = address


@router.get("/static/{digest}/{name}")
def file(digest: str, name: str) -> Response:
    """One file, if the digest is still its own."""
    if DIGESTS.get(name) != digest:
        return Response(status_code=404)
    return Response(CONTENTS[name], media_type=TYPES[name], headers=FOR_EVER)


@router.get("/favicon.ico")
def icon() -> Response:
    """The icon, which browsers ask for by themselves."""
    return Response(CONTENTS["mark.svg"], media_type=TYPES["mark.svg"])
