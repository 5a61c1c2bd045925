"""`orchestrate schedules`: commands that start by the clock."""

from contextlib import closing
from typing import IO, Any

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.opening import by, engine_over, load_app, opened_engine
from orchestration.cli.output import emit
from orchestration.cli.parameters import read, read_by_schema
from orchestration.cli.send import tell
from orchestration.client import Client
from orchestration.desk import schedules
from orchestration.desk.schedules import Planned
from orchestration.engine.submit import workflow_of
from orchestration.runtime.schedule import OVERLAPS
from orchestration.server_paths import path_of
from orchestration.store import schedules as rows
from orchestration.store.connect import Opened
from orchestration.views.schedules import as_json

COLUMNS = ("name", "command", "cron", "timezone", "overlap", "status", "next_at", "last_run")
Json = dict[str, Any]


@click.command("list")
@options.limit
@options.output
def list_(limit: int, form: str) -> None:
    """List schedules, newest first."""
    found: list[Json] = remotely.wherever(lambda server: server.get("/schedules"), newest)
    emit(form, found[:limit], COLUMNS)


def newest(opened: Opened) -> list[Json]:
    """Every schedule of a store, newest first."""
    found = opened.store.read(rows.everyone)
    return list(map(as_json, sorted(found, key=lambda row: row.created_at, reverse=True)))


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
    found = settings.load()
    wish = {"name": name, "command": command, "cron": cron, "timezone": timezone}
    wish |= {"overlap": overlap}
    if (server := remotely.server_of(found)) is not None:
        with closing(server):
            given = read_by_schema(remotely.schema_of(server, command), pairs, file)
            added: Json = server.post("/schedules", {**wish, "parameters": given})
    else:
        app = load_app(found)
        given = read(workflow_of(app, command).parameters, pairs, file)
        with opened_engine(create=True) as engine:
            added = as_json(schedules.add(engine, app, Planned(**wish, parameters=given), by()))
    emit(form, [added], COLUMNS)


@click.command()
@click.argument("name")
@options.output
def remove(name: str, form: str) -> None:
    """Forget the schedule NAME; its runs stay."""
    remotely.wherever(
        lambda server: server.delete(path_of(name, "schedules")),
        lambda opened: schedules.remove(engine_over(opened), name, by()),
    )
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
    if (server := remotely.server_of(found)) is not None:
        with closing(server):
            started = server.post(f"{path_of(name, 'schedules')}/trigger")
        tell(started["workflow_id"], form)
        return
    app = load_app(found)
    with Client(found.store_url, app=app, sender=options.SENDER) as client:
        run_id = schedules.trigger(client.engine, app, name, by())
    tell(run_id, form)


def change(name: str, form: str, *, paused: bool) -> None:
    """Pause or resume a schedule, and show it."""
    verb = "pause" if paused else "resume"
    changed: Json = remotely.wherever(
        lambda server: server.post(f"{path_of(name, 'schedules')}/{verb}"),
        lambda opened: as_json(schedules.pause(engine_over(opened), name, by(), paused=paused)),
    )
    emit(form, [changed], COLUMNS)
