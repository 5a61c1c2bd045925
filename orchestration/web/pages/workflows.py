"""`/workflows`: all runs, filtered by the address; and changes of many runs at once."""

import math
from datetime import timedelta

from fastapi import APIRouter, Response

from orchestration.desk import changes, preview
from orchestration.desk.changes import CHANGES, Change
from orchestration.errors import RejectedError
from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store import listings
from orchestration.store.listings import Filter, Place
from orchestration.store.runs import RunRow
from orchestration.web.pages.visit import Filled, Looking, Operating, Visit, text_of, texts_of

router = APIRouter()

PAGE = 50
MOST_COUNTED = 10_000
MOST_SHOWN = 25
SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}


MEANS = {
    "cancel": "they end, and what can be undone is undone",
    "pause": "nothing new starts in them, what is claimed may finish",
    "resume": "they ask for a slot again",
    "retry": "they go on from the steps that did not finish",
}


@router.get("/workflows")
def workflows(visit: Looking) -> Response:
    """A page of runs."""
    wanted, than = filter_of(visit), place_of(visit.query.get("after", ""))

    def look(session: Session) -> tuple[list[RunRow], int, list[str]]:
        found = listings.page(session, wanted, PAGE + 1, than)
        total = listings.count(session, wanted, MOST_COUNTED)
        return found, total, listings.commands(session)

    found, total, commands = visit.console.read(look)
    more = len(found) > PAGE
    found = found[:PAGE]
    return visit.page(
        "workflows.html",
        runs=found,
        total=total,
        most=MOST_COUNTED,
        commands=sorted({*commands, *visit.console.app.workflow}),
        wanted=wanted,
        span=visit.query.get("span", ""),
        spans=SPANS,
        statuses=list(RunStatus),
        verbs=CHANGES,
        searched=listings.SEARCHED,
        older=cursor(found[-1]) if more else "",
        paged=than is not None,
    )


@router.post("/workflows/bulk")
def bulk(visit: Operating, form: Filled) -> Response:
    """Show which runs a change would be made to; `apply` makes it once that is confirmed."""
    change = change_named(text_of(form, "verb"))
    ids = texts_of(form, "id")
    found = chosen(visit, ids, change)
    return visit.page(
        "bulk.html",
        name=change.name,
        means=MEANS[change.name],
        allowed=change.allowed,
        runs=found[:MOST_SHOWN],
        ids=ids,
        query="" if ids else visit.request.url.query,
        total=len(found),
        shown=preview.digest(run.id for run in found),
    )


@router.post("/workflows/apply")
def apply(visit: Operating, form: Filled) -> Response:
    """Make the confirmed change to many runs, if they are those shown; refusals are listed."""
    change = change_named(text_of(form, "verb"))
    found = chosen(visit, texts_of(form, "id"), change)
    ids = [run.id for run in found]
    preview.check(text_of(form, "shown"), ids)
    by = visit.who.by(text_of(form, "reason"))
    changed, refused = changes.make_all(visit.console.engine, change, ids, by)
    return visit.page(
        "bulk_done.html", name=change.name, done=len(changed), refused=list(map(str, refused))
    )


def change_named(name: str) -> Change:
    """The change that a form asks for.

    Raises:
        RejectedError: There is no such change.
    """
    if name not in CHANGES:
        raise RejectedError(f"{name!r} is nothing that is done to runs: {', '.join(CHANGES)}")
    return CHANGES[name]


def chosen(visit: Visit, ids: list[str], change: Change) -> list[RunRow]:
    """The runs, by id or else by the filter of the address, whose status allows the change."""

    def look(session: Session) -> list[RunRow]:
        if not ids:
            return changes.found(session, filter_of(visit), change.allowed)
        named = changes.named(session, ids[: changes.MOST])
        return [run for run in named if run.status in change.allowed]

    return visit.console.read(look)


def filter_of(visit: Visit) -> Filter:
    """The filter in an address; anything else in it is ignored."""
    query = visit.query
    known = {status.value for status in RunStatus}
    span = SPANS.get(query.get("span", ""))
    return Filter(
        statuses=tuple(RunStatus(s) for s in query.getlist("status") if s in known),
        command=query.get("command") or None,
        since=visit.now - span if span else None,
        text=query.get("q", "")[:200],
    )


def cursor(run: RunRow) -> str:
    """Where a page ends, as text."""
    return f"{run.created_at.timestamp()!r}~{run.id}"


def place_of(text: str) -> Place | None:
    """Where the page before ended; None: there was none."""
    at, _, run_id = text.partition("~")
    try:
        moment = float(at)
    except ValueError:
        return None
    return Place(moment, run_id) if run_id and math.isfinite(moment) else None
