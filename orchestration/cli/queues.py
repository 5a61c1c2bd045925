"""`orchestrate queues` and `queues purge`."""

from collections.abc import Mapping
from typing import Any

import click

from orchestration import settings
from orchestration.bus import topology
from orchestration.bus.address import Address, address_in
from orchestration.bus.management import Management
from orchestration.cli import options, selecting
from orchestration.cli.opening import by, load_app, opened_engine, opened_store
from orchestration.cli.output import emit
from orchestration.errors import BrokerError, ConfigurationError, NotFoundError
from orchestration.runtime.look import looking
from orchestration.runtime.names import TICKED, queue_of
from orchestration.settings import Settings
from orchestration.store import audit
from orchestration.views import queues

COLUMNS = (
    "queue", "ready", "queued", "running", "depth", "unacked", "consumers", "in_per_second",
    "out_per_second",
)  # fmt: skip
IN_STORE = COLUMNS[:4]
NAME = "orchestrate queues"
HARMLESS = "its steps are sent again from the store"
HARMFUL = "what it holds is lost, commands that nobody has acknowledged among it"
RATES_ARE_OFF = "unacked and rates: where the management API answers; set RABBITMQ_MANAGEMENT_URL"


@click.command("list")
@options.output
def list_(form: str) -> None:
    """List queues: depth in RabbitMQ, and what the store knows to be ready, queued and running."""
    found = settings.load()
    address, agents = address_in(found), agent_queues(found)
    others = [*topology.CONSUMED, *sorted(TICKED)] if address else []
    depths, rates = (
        ({}, {}) if address is None else look(found, address, [*agents.values(), *others])
    )
    with opened_store() as opened:
        rows = opened.store.read(lambda s: queues.listing(s, agents, others, depths, rates))
    emit(form, rows, COLUMNS if address else IN_STORE)
    if address is not None and not rates:
        click.echo(RATES_ARE_OFF, err=True)


@click.command()
@click.argument("name")
@selecting.confirmation
@options.output
def purge(*, name: str, yes: bool, form: str) -> None:
    """Drop every message that the queue NAME has ready; those being worked on stay."""
    found = settings.load()
    address, agents = address_in(found), agent_queues(found)
    if address is None:
        raise ConfigurationError("there is no broker, and so no queue to purge: set RABBITMQ_URL")
    known = [*agents.values(), *topology.CONSUMED, *sorted(TICKED)]
    if name not in known:
        raise NotFoundError(f"no queue {name!r} of this fleet; its queues: {', '.join(known)}")
    agree(name, HARMLESS if name in agents.values() or name in TICKED else HARMFUL, yes=yes)
    with opened_engine() as engine:
        with looking(address, NAME) as inspection:
            dropped = inspection.purge(name)
        engine.commit(lambda tx: audit.add(tx.session, tx.now, str(by()), "purge", name))
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


def agent_queues(found: Settings) -> dict[str, str]:
    """For each agent of ours the name of its queue."""
    ours = load_app(found).agent.keys() - set(found.outside_agents)
    return {name: queue_of(name) for name in sorted(ours)}


def look(
    found: Settings, address: Address, names: list[str]
) -> tuple[dict[str, tuple[int, int] | None], Mapping[str, dict[str, Any]]]:
    """What RabbitMQ says of queues, and what its management API adds.

    Raises:
        BrokerError: RabbitMQ cannot be asked.
    """
    depths: dict[str, tuple[int, int] | None] = {}
    with looking(address, NAME) as inspection:
        for name in names:
            state = inspection.queue(name)
            depths[name] = None if state is None else (state.depth, state.consumers)
    try:
        return depths, Management(address, found.rabbitmq_management_url).queues()
    except BrokerError:
        return depths, {}
