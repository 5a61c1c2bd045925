"""`orchestrate emergency stop | release | status`."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from orchestration import exit_codes
from orchestration.cli import options, remotely, selecting
from orchestration.cli.opening import by, engine_over
from orchestration.cli.output import emit
from orchestration.desk import stopping
from orchestration.errors import ServerError, StoreError
from orchestration.store.connect import Opened
from orchestration.views import emergency

if TYPE_CHECKING:
    from orchestration.remote import Remote

TOLD = ("silent", "gone", "acknowledged")
ANSWERS = ("name", "kind", "place", "answer", "after_seconds")
ACTING = ("workflow_id", "step", "branch", "attempt", "agent", "place", "since")
POLL_S = 0.1
Json = dict[str, Any]


@click.command()
@click.option("--reason", required=True, help="Why; it stands in every record of the stop.")
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="So many seconds for acknowledgements.",
)
@options.output
def stop(*, reason: str, seconds: float, form: str) -> int:
    """Cancel all work and start nothing new, until released; asks nobody.

    Exits 1 while somebody has not acknowledged.
    """

    def there(server: "Remote") -> Json:
        stop_there(server, reason)
        click.echo(f"stopped the fleet behind {server.place}", err=True)
        return wait_for_answers(lambda: server.get("/emergency"), seconds)

    def here(opened: Opened) -> Json:
        engine = engine_over(opened)
        stopping.stop(engine, opened.locks, by(reason))
        return wait_for_answers(lambda: engine.store.read(emergency.status), seconds)

    found = remotely.wherever(there, here)
    show(found, form)
    return exit_codes.FAILED if found["silent"] or found["left"] else exit_codes.COMPLETED


@click.command()
@click.option("--reason", default="", help="Why, for the audit.")
@selecting.confirmation
@options.output
def release(*, reason: str, yes: bool, form: str) -> None:
    """Allow work again; what a stop held up, such as undo, goes on."""

    def there(server: "Remote") -> Json:
        ask(server.get("/emergency"), yes=yes)
        released: Json = server.post("/emergency/release", {"reason": reason})
        return released

    def here(opened: Opened) -> Json:
        ask(opened.store.read(emergency.status), yes=yes)
        engine_over(opened).release(by(reason))
        return opened.store.read(emergency.status)

    show(remotely.wherever(there, here), form)


@click.command()
@options.output
def status(form: str) -> None:
    """Tell whether a stop holds, why, and who has acknowledged it."""
    found: Json = remotely.wherever(
        lambda server: server.get("/emergency"),
        lambda opened: opened.store.read(emergency.status),
    )
    show(found, form)


def stop_there(server: "Remote", reason: str) -> None:
    """Have a server stop everything, even if its answer does not arrive.

    The server answers once it has cancelled every run; the stop holds long before that.

    Raises:
        ServerError, StoreError: No stop holds there, or whether one holds cannot be seen.
    """
    try:
        server.post("/emergency/stop", {"reason": reason})
    except (ServerError, StoreError):
        if not server.get("/emergency")["stopped"]:
            raise


def wait_for_answers(look: Callable[[], Json], seconds: float) -> Json:
    """The stop once every worker and agent has acknowledged it, or the time is over."""
    end = time.monotonic() + seconds
    found = look()
    while (found["silent"] or found["left"]) and time.monotonic() < end:
        time.sleep(POLL_S)
        found = look()
    return found


def ask(found: Json, *, yes: bool) -> None:
    """If a stop holds, go on only with consent.

    Raises:
        UsageError: There is no terminal to ask at.
        Exit: The answer is no.
    """
    if yes or not found["stopped"]:
        return
    if not selecting.is_terminal():
        raise click.UsageError("this would allow work again: add --yes, nobody can be asked")
    silent = f"; {len(found['silent'])} have not acknowledged it" if found["silent"] else ""
    question = f"release the stop by {found['by']} ({found['reason']}){silent}?"
    if not click.confirm(question, err=True):
        click.echo("nothing was changed", err=True)
        raise click.exceptions.Exit(exit_codes.FAILED)


def show(found: Json, form: str) -> None:
    """Print a stop."""
    if form == "json":
        emit(form, found)
        return
    none = {"after_seconds": None}
    told = [{**none, **each, "answer": what} for what in TOLD for each in found.get(what, [])]
    apart = (*TOLD, "acting", "configuration")
    emit(form, {name: value for name, value in found.items() if name not in apart})
    if goes_by := found["configuration"]:
        click.echo("\nthe configuration, which a stop leaves as it is")
        shown = [each | {"value": json.dumps(each["value"])} for each in goes_by]
        emit(form, shown, ("name", "value", "version"))
    if acting := found.get("acting"):  # a server of 0.2.0 does not send it
        click.echo("\nmay still act: nobody has seen these attempts stop")
        emit(form, acting, ACTING)
    if told:
        click.echo()
        emit(form, told, ANSWERS)
