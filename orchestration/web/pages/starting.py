"""`/start`: a command and its parameters, in a form made from its JSON Schema."""

from fastapi import APIRouter, Response

from orchestration.clock import new_id
from orchestration.desk.starting import command_of
from orchestration.engine.submit import workflow_of
from orchestration.errors import OverloadedError, RejectedError, StoppedError
from orchestration.web.pages.form import apart, fields_of, values_of
from orchestration.web.pages.visit import Filled, Looking, Operating, Visit, text_of

router = APIRouter(prefix="/start")

PRIORITIES = {"1": "low", "2": "normal", "3": "high", "4": "critical"}


@router.get("")
def commands(visit: Looking) -> Response:
    """The commands that can be started."""
    return visit.page("commands.html", workflows=visit.console.app.workflows)


@router.get("/{name}")
def fill_in(visit: Operating, name: str) -> Response:
    """The form of a command, with its defaults."""
    return form_page(visit, name)


@router.post("/{name}")
def start(visit: Operating, name: str, form: Filled) -> Response:
    """Start a command; the same form sent twice starts it once."""
    console = visit.console
    workflow = workflow_of(console.app, name)
    schema = workflow.parameters.model_json_schema()
    priority, key = text_of(form, "priority"), text_of(form, "key")
    try:
        values, sender = values_of(schema, form), visit.who.sender
        rank = int(priority) if priority in PRIORITIES else None
        command = command_of(console.app, name, values, sender, key or None, rank)
        run_id = console.engine.submit(command)
    except (RejectedError, OverloadedError, StoppedError) as error:
        return form_page(visit, name, form, error)
    return visit.go(f"/workflows/{run_id}", "start")


def form_page(
    visit: Visit, name: str, filled: Filled | None = None, error: Exception | None = None
) -> Response:
    """The form, with what was filled in and what is wrong with it."""
    workflow = workflow_of(visit.console.app, name)
    schema = workflow.parameters.model_json_schema()
    fields = fields_of(schema, filled=filled, faults=getattr(error, "faults", ()))
    chosen = "" if filled is None else text_of(filled, "priority")
    return visit.page(
        "start.html",
        200 if error is None else 422,
        workflow=workflow,
        about=schema.get("description", ""),
        fields=fields,
        problems=[] if error is None else apart(error, fields),
        priorities=PRIORITIES,
        priority=chosen or str(workflow.priority),
        key=new_id(),
    )
