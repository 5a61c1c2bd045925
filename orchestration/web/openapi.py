"""The OpenAPI description: what FastAPI derives from the routes, and what only the fleet knows."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestration import definitions
from orchestration.problem_kinds import ERRORS
from orchestration.web.api import commands, schedules

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
        "kind": {"type": "string", "enum": sorted(ERRORS)},
        "sender": {"type": "string"},
        "pending": {"type": "integer"},
        "retry_after": {"type": "number"},
    },
    "required": ["type", "title", "status", "detail"],
}
TOKEN = {"type": "http", "scheme": "bearer", "description": "`orchestrate tokens add` makes one."}
START, SCHEDULES = "/orchestration/commands", "/orchestration/schedules"
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
    for unused in ("HTTPValidationError", "ValidationError", "Start", "NewSchedule"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {"token": TOKEN}
    for path, operations in found["paths"].items():
        for operation in operations.values():
            if path.startswith(GUARDED):
                operation["security"] = [{"token": []}]
            for parameter in operation.get("parameters", []):
                parameter["schema"] = without_null(parameter["schema"])
    body_of(found, START)["schema"] = commands.start_schema(fleet)
    body_of(found, SCHEDULES)["schema"] = schedules.schema(fleet)
    return found


def body_of(found: dict[str, Any], path: str) -> dict[str, Any]:
    """The description of the body that is posted to a path."""
    body: dict[str, Any] = found["paths"][path]["post"]["requestBody"]["content"]
    described: dict[str, Any] = body["application/json"]
    return described


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an optional parameter without null, which a query or a header cannot say."""
    ways = [way for way in schema.get("anyOf", []) if way != {"type": "null"}]
    if len(ways) != 1:
        return schema
    return {**{k: v for k, v in schema.items() if k != "anyOf"}, **ways[0]}
