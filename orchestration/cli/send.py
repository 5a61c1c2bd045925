"""`orchestrate send`: start a workflow, and leave it to those who serve the store."""

from contextlib import closing
from typing import IO

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.output import emit
from orchestration.cli.starting import is_served, make_wish
from orchestration.client import Client
from orchestration.store.connect import open_store


@click.command()
@click.argument("command")
@options.given_parameters
@click.option("--idempotency-key", help="The same key never starts a second run.")
@click.option("--priority", type=click.IntRange(1, 4), help="1 low, 2 normal, 3 high, 4 critical.")
@options.output
def send(
    command: str,
    pairs: tuple[str, ...],
    file: IO[bytes] | None,
    idempotency_key: str | None,
    priority: int | None,
    form: str,
) -> None:
    """Start the workflow COMMAND, and print its id."""
    found = settings.load()
    if (server := remotely.server_of(found)) is not None:
        with closing(server):
            tell(remotely.start(server, command, pairs, file, idempotency_key, priority), form)
        return
    wish = make_wish(command, pairs, file, found)
    with Client(found.store_url, app=wish.app, sender=options.SENDER) as client:
        handle = client.start(
            command, wish.parameters, idempotency_key=idempotency_key, priority=priority
        )
    tell(handle.workflow_id, form)
    hint(found)


def tell(run_id: str, form: str) -> None:
    """Print the id of a new run."""
    if form == "json":
        emit(form, {"workflow_id": run_id})
    else:
        click.echo(run_id)


def hint(found: settings.Settings) -> None:
    """Say so where nobody is there to work on it."""
    opened = open_store(found.store_url)
    with closing(opened.store):
        if not is_served(opened, found):
            alone = found.broker_url is None
            serve = "orchestrate serve" if alone else f"dramatiq {found.app}"
            click.echo(f"no worker is alive: `{serve}` starts it", err=True)
