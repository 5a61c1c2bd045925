"""`/workflows/ID`: one run, live, with what it waits for and everything that can be done to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from orchestration.desk import approvals
from orchestration.desk.approvals import Question
from orchestration.desk.changes import CHANGES, PAUSABLE, RETRYABLE
from orchestration.desk.explaining import explain
from orchestration.plans import UNDO
from orchestration.ports import Session
from orchestration.state import ENDED
from orchestration.store import artifacts, events, runs
from orchestration.store.events import EventRow
from orchestration.store.runs import RunRow
from orchestration.views import curves, graph, progress, timeline, workflow
from orchestration.views.curves import Chart
from orchestration.views.graph import Graph
from orchestration.views.progress import Picture
from orchestration.views.timeline import Timeline
from orchestration.web.console import Console
from orchestration.web.pages.drawing import marks
from orchestration.web.pages.visit import (
    Approving,
    Before,
    Filled,
    Looking,
    Operating,
    Visit,
    text_of,
)

router = APIRouter(prefix="/workflows")

MOST_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the page of a run shows, from one snapshot."""

    run: RunRow
    picture: Picture
    timeline: Timeline
    graph: Graph
    questions: Sequence[Question]
    results: Sequence[tuple[str, Any]]
    charts: Sequence[Chart]
    events: Sequence[EventRow]
    errors: Sequence[str]

    @property
    def undone(self) -> bool:
        """Whether something was undone: then only a fork can go on."""
        return any(track.step.startswith(UNDO) for track in self.timeline.tracks)


@router.get("/{run_id}")
def show(visit: Looking, run_id: str) -> Response:
    """One run."""
    found = visit.console.read(lambda s: look(s, visit, run_id))
    blocker = explain(visit.console.opened, visit.console.settings, run_id)
    return visit.page(
        "workflow.html",
        found=found,
        run=found.run,
        blocker=blocker,
        parameters=json.loads(found.run.parameters),
        marks=marks(found.timeline),
        ended=found.run.status in ENDED,
        pausable=found.run.status in PAUSABLE,
        retryable=found.run.status in RETRYABLE and not found.undone,
        forkable=found.run.status in ENDED and is_forkable(visit.console, found.run),
        result=found.run.plan.result,
        most_events=MOST_EVENTS,
        node_width=graph.WIDTH,
        chart_size=(curves.WIDTH, curves.HEIGHT, curves.FALL_HEIGHT),
    )


@router.get("/{run_id}/events")
def more_events(visit: Looking, run_id: str, before: Before) -> Response:
    """Older events of a run."""

    def read(session: Session) -> tuple[RunRow, list[EventRow]]:
        run = runs.get(session, run_id)
        return run, events.newest(session, MOST_EVENTS, run_id, before)

    run, found = visit.console.read(read)
    return visit.page("events.html", run=run, events=found, most_events=MOST_EVENTS)


@router.post("/{run_id}/cancel")
def cancel(visit: Operating, run_id: str, form: Filled) -> Response:
    """End the run; what can be undone is undone."""
    return changed(visit, run_id, form, "cancel")


@router.post("/{run_id}/pause")
def pause(visit: Operating, run_id: str, form: Filled) -> Response:
    """Start nothing new in the run."""
    return changed(visit, run_id, form, "pause")


@router.post("/{run_id}/resume")
def resume(visit: Operating, run_id: str, form: Filled) -> Response:
    """Let the run go on."""
    return changed(visit, run_id, form, "resume")


@router.post("/{run_id}/retry")
def retry(visit: Operating, run_id: str, form: Filled) -> Response:
    """Let the run go on from the steps that did not finish."""
    return changed(visit, run_id, form, "retry")


@router.post("/{run_id}/approve")
def approve(visit: Approving, run_id: str, form: Filled) -> Response:
    """Approve a waiting step, if it is still as it was shown."""
    by, step = visit.who.by(text_of(form, "reason")), text_of(form, "step")
    visit.console.engine.approve(run_id, step, text_of(form, "shown"), by)
    return visit.go(f"/workflows/{run_id}", "approve")


@router.post("/{run_id}/reject")
def reject(visit: Approving, run_id: str, form: Filled) -> Response:
    """Reject a waiting step: the run is cancelled."""
    by = visit.who.by(text_of(form, "reason"))
    visit.console.engine.reject(run_id, text_of(form, "step"), by)
    return visit.go(f"/workflows/{run_id}", "reject")


def changed(visit: Visit, run_id: str, form: Filled, verb: str) -> Response:
    """The run after a change."""
    CHANGES[verb].make(visit.console.engine, run_id, visit.who.by(text_of(form, "reason")))
    return visit.go(f"/workflows/{run_id}", verb)


def look(session: Session, visit: Visit, run_id: str) -> Shown:
    """A run as its page shows it.

    Raises:
        NotFoundError: There is no such run.
    """
    run = runs.get(session, run_id)
    picture = progress.picture(session, run_id)
    results = results_of(session, run, picture)
    declared = visit.console.app.workflow.get(run.command)
    known = dict(results)
    charts = [
        curves.chart(plot, many(run, plot.step, known[plot.step]))
        for plot in (declared.plots if declared else ())
        if plot.step in known
    ]
    return Shown(
        run=run,
        picture=picture,
        timeline=timeline.timeline(session, run, visit.now),
        graph=graph.graph(run.plan.steps, picture.steps),
        questions=approvals.of_run(session, run),
        results=results,
        charts=[chart for chart in charts if chart is not None],
        events=events.newest(session, MOST_EVENTS, run_id),
        errors=workflow.error_messages(session, run),
    )


def results_of(session: Session, run: RunRow, picture: Picture) -> list[tuple[str, Any]]:
    """The results of the finished steps, the workflow's result first."""
    names = [step.name for step in picture.steps if step.done and step.name in run.plan.step]
    names.sort(key=lambda name: name != run.plan.result)
    found = []
    for name in names:
        values = artifacts.result(session, run.id, name)
        found.append((name, values if run.plan.step[name].fans_out else values[0]))
    return found


def many(run: RunRow, step: str, result: Any) -> list[Any]:
    """The results of a step, one a branch."""
    return list(result) if run.plan.step[step].fans_out else [result]


def is_forkable(console: Console, run: RunRow) -> bool:
    """Whether a run's workflow is still declared, and is no emergency stop."""
    declared = console.app.workflow.get(run.command)
    return declared is not None and not declared.stops
