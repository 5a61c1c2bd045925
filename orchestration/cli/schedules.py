"""`orchestrate schedules`: commands that start by the clock."""

from typing import IO

import click

from orchestration import settings
from orchestration.cli import options
from orchestration.cli.opening import by, load_app, opened_engine, opened_store
from orchestration.cli.output import emit
from orchestration.cli.parameters import read
from orchestration.client import Client
from orchestration.desk import schedules
from orchestration.desk.schedules import Planned
from orchestration.engine.submit import workflow_of
from orchestration.runtime.schedule import OVERLAPS
from orchestration.store import schedules as rows
from orchestration.views.schedules import as_json

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


@click.command(cls=options.Starter)
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
    app = load_app(settings.load())
    parameters = read(workflow_of(app, command).parameters, pairs, file)
    wish = Planned(
        name=name,
        command=command,
        cron=cron,
        parameters=parameters,
        timezone=timezone,
        overlap=overlap,
    )
    with opened_engine(create=True) as engine:
        emit(form, [as_json(schedules.add(engine, app, wish, by()))], COLUMNS)


@click.command()
@click.argument("name")
@options.output
def remove(name: str, form: str) -> None:
    """Forget the schedule NAME; its runs stay."""
    with opened_engine() as engine:
        schedules.remove(engine, name, by())
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
    found = settings.load()
    app = load_app(found)
    with Client(found.store_url, app=app, sender=options.SENDER) as client:
        run_id = schedules.trigger(client.engine, app, name, by())
    if form == "json":
        emit(form, {"workflow_id": run_id})
    else:
        click.echo(run_id)


def change(name: str, form: str, *, paused: bool) -> None:
    """Pause or resume a schedule, and show it."""
    with opened_engine() as engine:
        row = schedules.pause(engine, name, by(), paused=paused)
    emit(form, [as_json(row)], COLUMNS)
