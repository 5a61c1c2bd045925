"""`orchestrate queues` and `queues purge`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from orchestration import settings
from orchestration.cli import options, remotely, selecting
from orchestration.cli.opening import by, engine_over, load_app
from orchestration.cli.output import emit
from orchestration.desk import queues
from orchestration.server_paths import path_of
from orchestration.store.connect import Opened

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = (
    "queue", "ready", "queued", "running", "depth", "unacked", "consumers", "in_per_second",
    "out_per_second",
)  # fmt: skip
IN_STORE = COLUMNS[:4]
RATES_ARE_OFF = "unacked and rates: where the management API answers; set RABBITMQ_MANAGEMENT_URL"
Json = dict[str, Any]


@click.command("list")
@options.limit_if_any
@options.output
def list_(limit: int | None, form: str) -> None:
    """List queues: depth in RabbitMQ, and what the store knows to be ready, queued and running."""

    def there(server: "Remote") -> None:
        rows = server.get("/queues")
        told_all = any(row["unacked"] is not None for row in rows)
        show(rows[:limit], form, brokered=bool(own(rows)), told_all=told_all)

    def here(opened: Opened) -> None:
        found = settings.load()
        rows, told_all = queues.listing(opened.store, found, load_app(found))
        show(rows[:limit], form, brokered=found.broker_url is not None, told_all=told_all)

    remotely.wherever(there, here)


@click.command()
@click.argument("name")
@selecting.confirmation
@options.output
def purge(*, name: str, yes: bool, form: str) -> None:
    """Drop every message that the queue NAME has ready; those being worked on stay."""

    def there(server: "Remote") -> Json:
        rows = server.get("/queues")
        agents = [row["queue"] for row in rows if row["agent"] is not None]
        if others := own(rows):  # without a broker the server itself refuses
            agree(name, queues.consequence(name, agents, others), yes=yes)
        purged: Json = server.post(f"{path_of(name, 'queues')}/purge")
        return purged

    def here(opened: Opened) -> Json:
        found = settings.load()
        address, consequence = queues.purgeable(found, load_app(found), name)
        agree(name, consequence, yes=yes)
        return {"queue": name, "dropped": queues.purge(engine_over(opened), address, name, by())}

    emit(form, [remotely.wherever(there, here)], ("queue", "dropped"))


def show(rows: Sequence[Json], form: str, *, brokered: bool, told_all: bool) -> None:
    """Print queues; if there is a broker, also how to see its rates."""
    emit(form, rows, COLUMNS if brokered else IN_STORE)
    if brokered and not told_all:
        click.echo(RATES_ARE_OFF, err=True)


def own(rows: Sequence[Json]) -> list[str]:
    """The orchestrator's own queues in a listing; there are none without a broker."""
    return [row["queue"] for row in rows if row["agent"] is None]


def agree(name: str, consequence: str, *, yes: bool) -> None:
    """Go on only with consent.

    Raises:
        UsageError: There is no terminal to ask at.
        Exit: The answer is no.
    """
    if yes:
        return
    if not selecting.is_terminal():
        raise click.UsageError(f"purge {name}: {consequence}; add --yes, nobody can be asked")
    if click.prompt(f"purge {name}: {consequence}; type its name to go on", err=True) != name:
        click.echo("nothing was changed", err=True)
        raise click.exceptions.Exit(1)
