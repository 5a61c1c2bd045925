"""`orchestrate events`: what happened, and with -f what happens."""

import json
import time
from typing import Any

import click

from orchestration.cli import options
from orchestration.cli.opening import opened_store, run_named
from orchestration.cli.output import emit
from orchestration.ports import Store
from orchestration.runtime.watch import Changes
from orchestration.store import events as rows
from orchestration.store.events import EventRow
from orchestration.views import error
from orchestration.views.times import iso

COLUMNS = ("at", "run_id", "kind", "step", "detail")
LOOK_EVERY_S = 0.1
BATCH = 500
LONGEST_DETAIL = 120


@click.command()
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@options.limit
@options.output
def events(*, run_id: str | None, follow: bool, limit: int, form: str) -> None:
    """Show what happened, newest first, of the run ID or of all; with -f go on, oldest first."""
    with opened_store() as opened:
        run_id = run_id and run_named(opened, run_id)
        found = opened.store.read(lambda s: rows.newest(s, limit, run_id))
        if follow:
            go_on(opened.store, found[::-1], run_id, form)
        elif form == "json":
            emit(form, [as_json(row) for row in found])
        else:
            emit(form, [short(as_json(row)) for row in found], COLUMNS)


def go_on(store: Store, first: list[EventRow], run_id: str | None, form: str) -> None:
    """Print one line an event, for ever."""
    changes, batch, last = Changes(store), first, 0
    while True:
        for row in batch:
            last = row.id
            click.echo(json.dumps(as_json(row)) if form == "json" else as_line(as_json(row)))
        batch = []
        if changes.seen():
            batch = store.read(lambda s, after=last: rows.after(s, after, BATCH, run_id))  # type: ignore[misc]
        if not batch:
            time.sleep(LOOK_EVERY_S)


def as_json(row: EventRow) -> dict[str, Any]:
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


def as_line(event: dict[str, Any]) -> str:
    """An event in one line."""
    cells = (short(event)[column] for column in COLUMNS)
    return "  ".join(str(cell) for cell in cells if cell)


def short(event: dict[str, Any]) -> dict[str, Any]:
    """An event whose detail fits into a line: of an error its type and message."""
    detail, step = error.one_line(event["detail"]), event["step"]
    place = f"{step}[{event['branch']}]" if step and event["branch"] else step
    return event | {"step": place, "detail": detail and detail[:LONGEST_DETAIL]}
