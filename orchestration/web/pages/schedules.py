"""`/schedules`: commands that start by the clock."""

from fastapi import APIRouter, Response

from orchestration.desk import schedules as desk
from orchestration.desk.schedules import Planned
from orchestration.engine.submit import workflow_of
from orchestration.errors import RejectedError, ScheduleError
from orchestration.runtime.schedule import OVERLAPS
from orchestration.store import schedules as rows
from orchestration.web.pages.form import apart, fields_of, values_of
from orchestration.web.pages.visit import Filled, Looking, Operating, Visit, text_of

router = APIRouter(prefix="/schedules")


@router.get("")
def schedules(visit: Looking) -> Response:
    """Every schedule by name."""
    found = visit.console.read(rows.everyone)
    return visit.page("schedules.html", schedules=found, workflows=visit.console.app.workflows)


@router.get("/new/{command}")
def fill_in(visit: Operating, command: str) -> Response:
    """The form of a new schedule."""
    return form_page(visit, command)


@router.post("/new/{command}")
def add(visit: Operating, command: str, form: Filled) -> Response:
    """Add a schedule for a command."""
    workflow = workflow_of(visit.console.app, command)
    schema = workflow.parameters.model_json_schema()
    try:
        wish = Planned(
            name=text_of(form, "name"),
            command=command,
            cron=text_of(form, "cron"),
            parameters=values_of(schema, form),
            timezone=text_of(form, "timezone") or "UTC",
            overlap=text_of(form, "overlap") or OVERLAPS[0],
        )
        desk.add(visit.console.engine, visit.console.app, wish, visit.who.by())
    except RejectedError as error:
        return form_page(visit, command, form, error)
    return visit.go("/schedules", "add_schedule")


@router.post("/{verb}")
def change(visit: Operating, verb: str, form: Filled) -> Response:
    """Pause, resume, trigger or remove a schedule."""
    name, engine, by = text_of(form, "name"), visit.console.engine, visit.who.by()
    match verb:
        case "trigger":
            return visit.go(f"/workflows/{desk.trigger(engine, visit.console.app, name, by)}")
        case "pause" | "resume":
            desk.pause(engine, name, by, paused=verb == "pause")
        case "remove":
            desk.remove(engine, name, by)
        case _:
            raise RejectedError(f"{verb!r} is nothing that is done to schedules")
    return visit.go("/schedules", f"{verb}_schedule")


def form_page(
    visit: Visit, command: str, filled: Filled | None = None, error: Exception | None = None
) -> Response:
    """The form, with what was filled in and what is wrong with it."""
    workflow = workflow_of(visit.console.app, command)
    schema = workflow.parameters.model_json_schema()
    names = ("name", "cron", "timezone", "overlap")
    kept = {name: text_of(filled, name) if filled is not None else "" for name in names}
    fields = fields_of(schema, filled=filled, faults=getattr(error, "faults", ()))
    own = error.parts if isinstance(error, ScheduleError) else {}
    others = error.others if isinstance(error, ScheduleError) else [error] if error else []
    return visit.page(
        "schedule.html",
        200 if error is None else 422,
        workflow=workflow,
        fields=fields,
        own={name: own.get(name, "") for name in names},
        problems=[each for other in others for each in apart(other, fields)],
        kept=kept,
        overlaps=OVERLAPS,
    )
