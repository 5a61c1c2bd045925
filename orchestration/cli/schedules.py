"""`orchestrate schedules`: commands that start by the clock."""

import json
from typing import IO, Any

import click

from orchestration import settings
from orchestration.cli import options
from orchestration.cli.opening import load_app, opened_store
from orchestration.cli.output import emit
from orchestration.cli.parameters import read
from orchestration.client import Client
from orchestration.clock import SystemClock
from orchestration.engine.submit import validated, workflow_of
from orchestration.errors import RejectedError
from orchestration.runtime.schedule import OVERLAPS, Timetable, next_time
from orchestration.store import schedules as rows
from orchestration.store.schedules import ScheduleRow
from orchestration.views.times import iso

COLUMNS = ("name", "command", "cron", "timezone", "overlap", "status", "next_at", "last_run")


@click.command("list")
@options.limit
@options.output
def list_(limit: int, form: str) -> None:
    """List schedules, newest first."""
    with opened_store() as opened:
        found = opened.store.read(rows.everyone)
    newest = sorted(found, key=lambda row: row.created_at, reverse=True)[:limit]
    emit(form, [as_json(row) for row in newest], COLUMNS)


@click.command()
@click.argument("name")
@click.argument("command")
@click.option(
    "--cron", required=True, help="Minute, hour, day, month, weekday: '30 6 * * mon-fri'."
)
@click.option("--timezone", default="UTC", show_default=True, help="Such as America/New_York.")
@click.option(
    "--overlap", type=click.Choice(OVERLAPS), default=OVERLAPS[0], show_default=True,
    help="What to do while its last run is still going.",
)  # fmt: skip
@options.given_parameters
@options.output
def add(  # noqa: PLR0913 - one argument an option
    *,
    name: str,
    command: str,
    cron: str,
    timezone: str,
    overlap: str,
    pairs: tuple[str, ...],
    file: IO[bytes] | None,
    form: str,
) -> None:
    """Start the workflow COMMAND by the clock, as the schedule NAME."""
    workflow = workflow_of(load_app(settings.load()), command)
    now = SystemClock().now()
    row = ScheduleRow(
        name=name,
        command=command,
        parameters=validated(workflow, read(workflow.parameters, pairs, file)),
        cron=cron,
        timezone=timezone,
        overlap=overlap,
        paused=False,
        next_at=next_time(cron, timezone, now),
        last_run=None,
        created_at=now,
    )
    with opened_store(create=True) as opened:
        if not opened.store.write(lambda s: rows.insert(s, row)):
            raise RejectedError(
                f"there is a schedule {name!r} already: take another name,"
                f" or `orchestrate schedules remove {name}` first"
            )
        kept = opened.store.read(lambda s: rows.get(s, name))
    emit(form, [as_json(kept)], COLUMNS)


@click.command()
@click.argument("name")
@options.output
def remove(name: str, form: str) -> None:
    """Forget the schedule NAME; its runs stay."""
    with opened_store() as opened:
        opened.store.read(lambda s: rows.get(s, name))
        opened.store.write(lambda s: rows.delete(s, name))
    emit(form, {"removed": name})


@click.command()
@click.argument("name")
@options.output
def pause(name: str, form: str) -> None:
    """Stop the schedule NAME for a while."""
    change(name, form, paused=True)


@click.command()
@click.argument("name")
@options.output
def resume(name: str, form: str) -> None:
    """Let the schedule NAME go on from its next time; missed times are not made up for."""
    change(name, form, paused=False)


@click.command()
@click.argument("name")
@options.output
def trigger(name: str, form: str) -> None:
    """Start the command of the schedule NAME now, and print the run's id.

    The schedule's own times stay as they are.
    """
    app = load_app(settings.load())
    with Client(app=app, sender=options.SENDER) as client:
        run_id = Timetable(client.engine, app).trigger(name)
    if form == "json":
        emit(form, {"workflow_id": run_id})
    else:
        click.echo(run_id)


def change(name: str, form: str, *, paused: bool) -> None:
    """Pause or resume a schedule, and show it."""
    with opened_store() as opened:
        row = opened.store.read(lambda s: rows.get(s, name))
        next_at = None if paused else next_time(row.cron, row.timezone, SystemClock().now())
        opened.store.write(lambda s: rows.pause(s, name, paused=paused, next_at=next_at))
        row = opened.store.read(lambda s: rows.get(s, name))
    emit(form, [as_json(row)], COLUMNS)


def as_json(row: ScheduleRow) -> dict[str, Any]:
    """A schedule as people and programs see it."""
    return {
        "name": row.name,
        "command": row.command,
        "parameters": json.loads(row.parameters),
        "cron": row.cron,
        "timezone": row.timezone,
        "overlap": row.overlap,
        "status": "paused" if row.paused else "active",
        "next_at": iso(row.next_at),
        "last_run": row.last_run,
        "created_at": iso(row.created_at),
    }
