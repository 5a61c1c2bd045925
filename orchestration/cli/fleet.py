"""`orchestrate agents list`, `workers list | drain` and `status`."""

from collections.abc import Mapping

import click

from orchestration import settings
from orchestration.bus.address import address_in
from orchestration.cli import options
from orchestration.cli.opening import by, opened_engine, opened_store
from orchestration.cli.output import emit
from orchestration.desk import workers as desk
from orchestration.runtime.look import broker_state
from orchestration.views.fleet import FleetView
from orchestration.views.workers import listing

AGENTS = (
    "name", "status", "last_heartbeat", "capabilities", "paused", "paused_by", "metrics",
    "error_count", "last_error", "circuit",
)  # fmt: skip
WORKERS = (
    "id", "status", "host", "pid", "release", "transport", "serves", "running", "started_at",
)  # fmt: skip


@click.command("list")
@options.limit
@options.output
def agents(limit: int, form: str) -> None:
    """List agents and their health."""
    with opened_store() as opened:
        found = FleetView(opened.store, opened.store.clock).status()["agents"]
    emit(form, found[:limit], AGENTS)


@click.command("list")
@options.limit
@options.output
def workers(limit: int, form: str) -> None:
    """List worker processes that are not known to be gone, newest first.

    Beside each agent that one serves stands in how many threads; one that drains
    or is silent serves none.
    """
    with opened_store() as opened:
        found = opened.store.read(lambda s: listing(s, opened.locks, limit))
    if form == "table":
        found = [each | {"serves": in_words(each["slots"])} for each in found]
    emit(form, found, WORKERS)


def in_words(slots: Mapping[str, int]) -> str:
    """Which agents a worker serves, and in how many threads each."""
    return ", ".join(f"{agent} ({count})" for agent, count in slots.items()) or "nothing"


@click.command()
@click.argument("worker", metavar="ID")
@click.option("--reason", default="", help="Why, for the audit.")
@options.output
def drain(*, worker: str, reason: str, form: str) -> None:
    """Let the worker ID take nothing new, finish what it has, and end.

    Its supervisor, where it has one, starts another one in its place.
    """
    with opened_engine() as engine:
        found = desk.drain(engine, worker, by(reason))
    emit(form, {"draining": found})


@click.command()
@options.output
def status(form: str) -> None:
    """Show agents, queues, runs and the success rate; while RabbitMQ is away, also why."""
    address = address_in(settings.load())
    broker = None if address is None else broker_state(address)
    with opened_store() as opened:
        found = FleetView(opened.store, opened.store.clock).status()
    if form == "json":
        emit(form, found | {"broker": broker})
        return
    if broker is not None and not broker["reachable"]:
        place, problem, cure = broker["address"], broker["problem"], broker["cure"]
        click.echo(f"RabbitMQ at {place} cannot be used ({problem}): {cure}\n")
    listed = found.pop("agents")
    emit(form, found)
    click.echo()
    emit(form, listed, AGENTS[:4])
