"""`/workflows/ID/fork`: a new run of an ended one, with its parameters edited, shown first."""

import json

from fastapi import APIRouter, Response

from orchestration.clock import new_id, run_hex
from orchestration.engine.fork import Edits, Proposal, keyed, propose
from orchestration.engine.submit import LONGEST_KEY, workflow_of
from orchestration.errors import RejectedError, StateError
from orchestration.ports import Session
from orchestration.store import runs
from orchestration.store.runs import RunRow
from orchestration.web.pages.form import apart, fields_of, values_of
from orchestration.web.pages.visit import Filled, Operating, Visit, text_of

router = APIRouter(prefix="/workflows")

WHOLE = ""


@router.get("/{run_id}/fork")
def fill_in(visit: Operating, run_id: str) -> Response:
    """The form, with the parameters of the old run."""
    return form_page(visit, run_id)


@router.post("/{run_id}/fork")
def fork(visit: Operating, run_id: str, form: Filled) -> Response:
    """Show what a fork would do, or make it once that was shown; sent twice, a form makes one."""
    console = visit.console
    run = console.read(lambda s: runs.get(s, run_id))
    schema = workflow_of(console.app, run.command).parameters.model_json_schema()
    again = text_of(form, "from")
    try:
        edits = Edits(values_of(schema, form), (again,) if again else ())
        proposal = console.read(lambda s: proposed(s, visit, run_id, edits))
    except (RejectedError, StateError) as error:
        return form_page(visit, run_id, form, error)
    if text_of(form, "shown") != "yes":
        return form_page(visit, run_id, form, proposal=proposal)
    proposal = keyed(proposal, text_of(form, "key")[:LONGEST_KEY] or new_id())
    new = console.engine.fork(proposal, visit.who.by(text_of(form, "reason")))
    return visit.go(f"/workflows/{new}", "fork")


def proposed(session: Session, visit: Visit, run_id: str, edits: Edits) -> Proposal:
    """The fork that was asked for, checked."""
    return propose(
        session,
        visit.console.app,
        run_id,
        edits,
        sender=visit.who.sender,
        run_hex=run_hex(),
    )


def form_page(
    visit: Visit,
    run_id: str,
    filled: Filled | None = None,
    error: Exception | None = None,
    proposal: Proposal | None = None,
) -> Response:
    """The form, with what was filled in and what is wrong with it, or what it would do."""
    run: RunRow = visit.console.read(lambda s: runs.get(s, run_id))
    workflow = workflow_of(visit.console.app, run.command)
    schema = workflow.parameters.model_json_schema()
    values = json.loads(run.parameters)
    fields = fields_of(schema, values, filled, getattr(error, "faults", ()))
    return visit.page(
        "fork.html",
        200 if error is None else 422,
        run=run,
        steps=[step.name for step in workflow.steps],
        again=text_of(filled, "from") if filled is not None else WHOLE,
        fields=fields,
        problems=[] if error is None else apart(error, fields),
        proposal=proposal,
        key=new_id(),
    )
