"""`orchestrate events`: past events, and with -f new ones."""

import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli import options, remotely
from orchestration.cli.opening import run_named
from orchestration.cli.output import emit
from orchestration.cli.paging import pages
from orchestration.ports import Session, Store
from orchestration.runtime.watch import Changes
from orchestration.server_paths import path_of
from orchestration.store import events as rows
from orchestration.store import runs
from orchestration.store.connect import Opened
from orchestration.store.events import EventRow
from orchestration.views import error
from orchestration.views.times import iso

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("at", "run_id", "kind", "step", "detail")
LOOK_EVERY_S = 0.1
BATCH = 500
LONGEST_DETAIL = 120
Json = dict[str, Any]


@click.command(epilog=options.SHORT_ID)
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@options.limit
@options.output
def events(*, run_id: str | None, follow: bool, limit: int, form: str) -> None:
    """Show what happened, newest first, of the run ID or of all; with -f go on, oldest first.

    Behind ORCHESTRATION_URL the detail of an error is its type and message, also in JSON.
    """

    def there(server: "Remote") -> None:
        wanted = {"workflow_id": run_id} if run_id else {}
        found = list(map(as_here, pages(server, "/events/history", limit, **wanted)))
        last = found[0]["id"] if found else 0
        tell(found, coming_there(server, last, run_id) if follow else None, form)

    def here(opened: Opened) -> None:
        whole = run_id and run_named(opened, run_id)
        found = opened.store.read(lambda s: newest(s, limit, whole))
        last = found[0].id if found else 0
        listed = list(map(as_json, found))
        tell(listed, coming(opened.store, last, whole) if follow else None, form)

    remotely.wherever(there, here)


def newest(session: Session, limit: int, run_id: str | None) -> list[EventRow]:
    """The newest events, of one run or of all.

    Raises:
        NotFoundError: There is no such run, nor an event of it.
    """
    found = rows.newest(session, limit, run_id)
    if run_id and not found:
        runs.status(session, run_id)
    return found


def tell(found: Sequence[Json], more: Iterator[Json] | None, form: str) -> None:
    """Print past events; if new ones follow, print one line an event, the oldest first."""
    if more is not None:
        for happened in (found[::-1], more):
            for event in happened:
                click.echo(json.dumps(event) if form == "json" else as_line(event))
    elif form == "json":
        emit(form, found)
    else:
        emit(form, list(map(short, found)), COLUMNS)


def coming(store: Store, last: int, run_id: str | None) -> Iterator[Json]:
    """The events after a given one, for ever."""
    changes, batch = Changes(store), list[EventRow]()
    while True:
        if batch or changes.seen():
            batch = store.read(partial(rows.after, last=last, limit=BATCH, run_id=run_id))
        for row in batch:
            last = row.id
            yield as_json(row)
        if not batch:
            time.sleep(LOOK_EVERY_S)


def coming_there(server: "Remote", last: int, run_id: str | None) -> Iterator[Json]:
    """The same as `coming`, behind a server.

    Raises:
        NotFoundError: There is no such run.
    """
    place = f"{path_of(run_id)}/events" if run_id else "/events"
    return map(as_here, server.happening(place, last))


def as_here(event: Json) -> Json:
    """An event from a server in the form that `as_json` gives."""
    told = {"id": event["id"], "at": event["at"], "run_id": event["workflow_id"]}
    return told | {each: event[each] for each in ("kind", "step", "branch", "detail")}


def as_json(row: EventRow) -> Json:
    """An event for programs."""
    return {
        "id": row.id,
        "at": iso(row.at),
        "run_id": row.run_id or None,
        "kind": row.kind,
        "step": row.step,
        "branch": row.branch,
        "detail": row.detail,
    }


def as_line(event: Json) -> str:
    """An event in one line."""
    cells = (short(event)[column] for column in COLUMNS)
    return "  ".join(str(cell) for cell in cells if cell)


def short(event: Json) -> Json:
    """An event with a detail that fits into a line: an error has its type and message."""
    detail, step = error.one_line(event["detail"]), event["step"]
    place = f"{step}[{event['branch']}]" if step and event["branch"] else step
    return event | {"step": place, "detail": detail and detail[:LONGEST_DETAIL]}
