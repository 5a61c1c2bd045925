"""`/orchestration/schedules`: commands that start by the clock."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from orchestration.definitions import App, Workflow
from orchestration.desk import schedules
from orchestration.store import schedules as rows
from orchestration.views.schedules import as_json
from orchestration.web.api.commands import required_of
from orchestration.web.authentication import Operator, TheConsole, Viewer
from orchestration.web.described import NO_CONTROLS, RUN, Body, Name, answers, shown_as, told

router = APIRouter(prefix="/schedules", tags=["schedules"])

EXAMPLE = {
    "name": "nightly", "command": "restock", "cron": "30 6 * * mon-fri",
    "timezone": "America/New_York", "parameters": {"skus": ["A1"]},
}  # fmt: skip
SHOWN = {**EXAMPLE, "overlap": "skip", "status": "active", "next_at": None, "last_run": None}
LINKS = {
    name: {"operationId": name, "parameters": {"name": "$response.body#/name"}}
    for name in ("pause_schedule", "resume_schedule", "trigger_schedule", "remove_schedule")
}
Text = Annotated[str, Field(min_length=1, max_length=100, pattern=NO_CONTROLS)]


class NewSchedule(Body):
    """A command, and when it starts."""

    model_config = shown_as(EXAMPLE)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
    command: Text
    cron: Annotated[Text, Field(description="Minute, hour, day, month, weekday.")]
    parameters: dict[str, Any] = Field(default_factory=dict)
    timezone: Text = "UTC"
    overlap: Annotated[
        Literal["skip", "allow"], Field(description="What to do while its last run still goes.")
    ] = "skip"


def schema(app: App) -> dict[str, Any]:
    """The JSON Schema of a new schedule: for each command with its own parameters."""
    found = NewSchedule.model_json_schema()
    return {"oneOf": [of_command(found, each) for each in app.workflows]} | example_of(app)


def of_command(schema: dict[str, Any], workflow: Workflow) -> dict[str, Any]:
    """The JSON Schema of a schedule of one command."""
    own = {
        "command": {"const": workflow.name, "type": "string"},
        "parameters": {"$ref": f"#/components/schemas/{workflow.name}.parameters"},
    }
    plain = {key: value for key, value in schema.items() if key != "examples"}
    needed = [*schema["required"], *(["parameters"] if required_of(workflow) else [])]
    properties = {**schema["properties"], **own}
    return {**plain, "title": workflow.name, "properties": properties, "required": needed}


def example_of(app: App) -> dict[str, Any]:
    """An example of a schedule, with a command of this fleet."""
    simple = next((w for w in app.workflows if not required_of(w)), None)
    mine = {} if simple is None else {"command": simple.name, "parameters": {}}
    return {"examples": [EXAMPLE | mine]}


@router.get("", summary="List schedules", responses=answers([SHOWN]))
def list_schedules(console: TheConsole, _: Viewer) -> list[dict[str, Any]]:
    """Newest first."""
    found = sorted(console.read(rows.everyone), key=lambda row: row.created_at, reverse=True)
    return list(map(as_json, found))


@router.post(
    "",
    status_code=201,
    summary="Start a command by the clock",
    responses=answers(SHOWN, 409, status=201, links=LINKS),
)
def add_schedule(console: TheConsole, actor: Operator, new: NewSchedule) -> dict[str, Any]:
    """Parameters are checked now, and again at each start."""
    wish = schedules.Planned(**new.model_dump())
    return as_json(schedules.add(console.engine, console.app, wish, actor.by()))


@router.delete(
    "/{name}",
    status_code=204,
    summary="Forget a schedule",
    responses={204: {"description": "Forgotten."}, **told((404,))},
)
def remove_schedule(console: TheConsole, actor: Operator, name: Name) -> Response:
    """Its runs stay."""
    schedules.remove(console.engine, name, actor.by())
    return Response(status_code=204)


@router.post("/{name}/pause", summary="Stop it for a while", responses=answers(SHOWN, 404))
def pause_schedule(console: TheConsole, actor: Operator, name: Name) -> dict[str, Any]:
    """It starts nothing until it is resumed."""
    return as_json(schedules.pause(console.engine, name, actor.by(), paused=True))


@router.post("/{name}/resume", summary="Let it go on", responses=answers(SHOWN, 404))
def resume_schedule(console: TheConsole, actor: Operator, name: Name) -> dict[str, Any]:
    """From its next time; missed times are not made up for."""
    return as_json(schedules.pause(console.engine, name, actor.by(), paused=False))


@router.post(
    "/{name}/trigger",
    status_code=202,
    summary="Start its command now",
    responses=answers({"workflow_id": RUN}, 404, 409, status=202),
)
def trigger_schedule(console: TheConsole, actor: Operator, name: Name) -> dict[str, str]:
    """Its own times stay as they are."""
    run_id = schedules.trigger(console.engine, console.app, name, actor.by())
    return {"workflow_id": run_id}
