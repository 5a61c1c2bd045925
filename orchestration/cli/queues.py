"""`orchestrate queues` and `queues purge`."""

import click

from orchestration import settings
from orchestration.cli import options, selecting
from orchestration.cli.opening import by, load_app, opened_engine, opened_store
from orchestration.cli.output import emit
from orchestration.desk import queues

COLUMNS = (
    "queue", "ready", "queued", "running", "depth", "unacked", "consumers", "in_per_second",
    "out_per_second",
)  # fmt: skip
IN_STORE = COLUMNS[:4]
RATES_ARE_OFF = "unacked and rates: where the management API answers; set RABBITMQ_MANAGEMENT_URL"


@click.command("list")
@options.output
def list_(form: str) -> None:
    """List queues: depth in RabbitMQ, and what the store knows to be ready, queued and running."""
    found = settings.load()
    with opened_store() as opened:
        rows, told_all = queues.listing(opened.store, found, load_app(found))
    brokered = found.broker_url is not None
    emit(form, rows, COLUMNS if brokered else IN_STORE)
    if brokered and not told_all:
        click.echo(RATES_ARE_OFF, err=True)


@click.command()
@click.argument("name")
@selecting.confirmation
@options.output
def purge(*, name: str, yes: bool, form: str) -> None:
    """Drop every message that the queue NAME has ready; those being worked on stay."""
    found = settings.load()
    address, consequence = queues.purgeable(found, load_app(found), name)
    agree(name, consequence, yes=yes)
    with opened_engine() as engine:
        dropped = queues.purge(engine, address, name, by())
    emit(form, [{"queue": name, "dropped": dropped}], ("queue", "dropped"))


def agree(name: str, consequence: str, *, yes: bool) -> None:
    """Go on only with consent.

    Raises:
        UsageError: There is nobody to ask.
        Exit: The answer is no.
    """
    if yes:
        return
    if not selecting.is_terminal():
        raise click.UsageError(f"purge {name}: {consequence}; add --yes, nobody can be asked")
    if click.prompt(f"purge {name}: {consequence}; type its name to go on", err=True) != name:
        click.echo("nothing was changed", err=True)
        raise click.exceptions.Exit(1)
