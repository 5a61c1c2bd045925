"""`orchestrate commands`: the workflows that can be started, and their parameters."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.opening import load_app
from orchestration.cli.output import emit
from orchestration.errors import UnknownCommandError
from orchestration.text import printable
from orchestration.views.commands import described, parameters_of

COLUMNS = ("parameter", "type", "default", "about")


@click.command()
@click.argument("names", nargs=-1, metavar="[COMMAND]…")
@options.limit_if_any
@options.output
def commands(names: tuple[str, ...], limit: int | None, form: str) -> None:
    """List the workflows that can be started, or those named, with their parameters.

    A default is written as it would be given with -p. Needs no store: the app tells it, or the
    server of ORCHESTRATION_URL where that is set.
    """
    known = {each["command"]: each for each in everything()}
    for name in names:
        if name not in known:
            raise UnknownCommandError(name, list(known))
    found = [known[name] for name in dict.fromkeys(names or known)][:limit]
    if form == "json":
        emit(form, found)
        return
    for number, each in enumerate(found):
        show(each, form, apart=number > 0)


def everything() -> list[dict[str, Any]]:
    """Every workflow of the app, or of the server that is configured."""
    found = settings.load()
    if (server := remotely.server_of(found)) is not None:
        with closing(server):
            listed: list[dict[str, Any]] = server.get("/commands")
            return listed
    return [described(each) for each in load_app(found).workflows]


def show(command: Mapping[str, Any], form: str, *, apart: bool) -> None:
    """Print one command for people."""
    about = command.get("about")  # a server of 0.2.0 does not send it
    name = f"{command['command']}: {about}" if about else command["command"]
    click.echo(f"{chr(10) * apart}{printable(name)}")
    click.echo(printable(f"steps: {', '.join(each['step'] for each in command['steps'])}"))
    if rows := parameters_of(command["parameters"]):
        emit(form, rows, COLUMNS)
    else:
        click.echo("no parameters")
