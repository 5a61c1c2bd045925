"""`/orchestration/commands`: what can be started, and its start."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field, StrictInt

from orchestration.definitions import App, Workflow
from orchestration.desk.starting import command_of
from orchestration.views.commands import described
from orchestration.web.authentication import Operator, TheConsole, Viewer
from orchestration.web.described import RUN, Body, Key, answers

router = APIRouter(prefix="/commands", tags=["commands"])

EXAMPLE = {"command": "restock", "parameters": {"skus": ["A1", "B2"]}, "priority": 3}
STARTED = {"workflow_id": RUN}
LISTED = {
    "command": "restock", "about": "What to order anew.", "priority": 2, "parameters": {},
    "steps": [],
}  # fmt: skip
LINKS = {
    name: {"operationId": name, "parameters": {"workflow_id": "$response.body#/workflow_id"}}
    for name in (
        "get_workflow",
        "get_result",
        "cancel_workflow",
        "pause_workflow",
        "list_artifacts",
    )
}


class Start(Body):
    """A command that is to be started."""

    command: Annotated[str, Field(max_length=200)]
    parameters: dict[str, Any] = Field(default_factory=dict)
    priority: Annotated[StrictInt, Field(ge=1, le=4)] | None = None


@router.post(
    "",
    status_code=202,
    summary="Start a workflow",
    responses=answers(STARTED, 409, status=202, links=LINKS),
)
def start_command(
    console: TheConsole, actor: Operator, start: Start, response: Response, key: Key = None
) -> dict[str, str]:
    """Starts a workflow, and tells its id as soon as that is on disk."""
    command = command_of(
        console.app, start.command, start.parameters, actor.sender, key, start.priority
    )
    run_id = console.engine.submit(command)
    response.headers["Location"] = f"/orchestration/workflows/{run_id}"
    return {"workflow_id": run_id}


@router.get(
    "",
    summary="What can be started",
    responses=answers([LISTED]),
)
def list_commands(console: TheConsole, _: Viewer) -> list[dict[str, Any]]:
    """Every workflow with the JSON Schema of its parameters."""
    return [described(each) for each in console.app.workflows]


def start_schema(app: App) -> dict[str, Any]:
    """The JSON Schema of a start: for each command with its own parameters."""
    simple = next((w for w in app.workflows if not required_of(w)), None)
    example = EXAMPLE if simple is None else {"command": simple.name, "parameters": {}}
    return {"oneOf": [start_of(each) for each in app.workflows], "examples": [example]}


def required_of(workflow: Workflow) -> list[str]:
    """The parameters that a start must give."""
    fields = workflow.parameters.model_fields.items()
    return [name for name, field in fields if field.is_required()]


def start_of(workflow: Workflow) -> dict[str, Any]:
    """The JSON Schema of the start of one workflow."""
    place = f"#/components/schemas/{workflow.name}.parameters"
    return {
        "type": "object",
        "title": workflow.name,
        "properties": {
            "command": {"const": workflow.name, "type": "string"},
            "parameters": {"$ref": place},
            "priority": {
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": 4}, {"type": "null"}]
            },
        },
        "required": ["command", "parameters"] if required_of(workflow) else ["command"],
        "additionalProperties": False,
    }


def parameter_schemas(app: App) -> dict[str, Any]:
    """The JSON Schemas of all parameters, as components."""
    found: dict[str, Any] = {}
    for workflow in app.workflows:
        name = f"{workflow.name}.parameters"
        template = f"#/components/schemas/{name}.{{model}}"
        schema = workflow.parameters.model_json_schema(by_alias=True, ref_template=template)
        for inner, each in schema.pop("$defs", {}).items():
            found[f"{name}.{inner}"] = each
        found[name] = schema
    return found
