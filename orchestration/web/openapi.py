"""The OpenAPI description: what FastAPI finds out, and what only the fleet knows."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestration import definitions
from orchestration.web.api import commands

PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What is wrong, and what to do: RFC 9457.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["type", "title", "status", "detail"],
}
TOKEN = {"type": "http", "scheme": "bearer", "description": "`orchestrate tokens add` makes one."}
START = "/orchestration/commands"
GUARDED = "/orchestration/"


def describe(app: FastAPI, fleet: definitions.App) -> None:
    """Let an application describe itself in full."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            app.openapi_schema = completed(found, fleet)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def completed(found: dict[str, Any], fleet: definitions.App) -> dict[str, Any]:
    """The description with problems, tokens and the parameters of each command."""
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= {"Problem": PROBLEM, **commands.parameter_schemas(fleet)}
    for unused in ("HTTPValidationError", "ValidationError", "Start"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {"token": TOKEN}
    for path, operations in found["paths"].items():
        if path.startswith(GUARDED):
            for operation in operations.values():
                operation["security"] = [{"token": []}]
    body = found["paths"][START]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = commands.start_schema(fleet)
    return found
