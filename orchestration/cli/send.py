"""`orchestrate send`: start a workflow, and leave it to the workers of the store."""

from contextlib import closing
from typing import IO

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.opening import BROKER_SETTINGS
from orchestration.cli.output import emit
from orchestration.cli.starting import make_wish, served_on
from orchestration.client import Client
from orchestration.store.connect import open_store
from orchestration.store.control import EMBEDDED


@click.command(cls=options.Starter)
@click.argument("command")
@options.given_parameters
@options.idempotency_key
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
    """Start the workflow COMMAND, and print its id.

    `orchestrate commands` lists what can be started.
    """
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
    """Warn if no worker is alive, or if the workers use another transport than this shell."""
    opened = open_store(found.store_url)
    with closing(opened.store):
        place = served_on(opened)
    if place != found.transport:
        click.echo(unserved(found) if place is None else served_elsewhere(found, place), err=True)


def unserved(found: settings.Settings) -> str:
    """The command that starts a worker for the run."""
    if found.broker_url is None:
        return "no worker is alive: `orchestrate serve` starts it"
    return f"no worker is alive on {found.transport}: `dramatiq {found.app}` starts it"


def served_elsewhere(found: settings.Settings, place: str) -> str:
    """Which transport the workers use, and how to set this shell to it."""
    taken = f"taken on by the workers of this store, which are on {place}"
    if found.broker_url is None:
        return f"{taken}; here RABBITMQ_URL is not set: set it to the same address"
    if place == EMBEDDED:
        return f"{taken}; here {found.transport} is set: unset {BROKER_SETTINGS}"
    return f"{taken}; here {found.transport} is set: set RABBITMQ_URL to the same address"
