"""`orchestrate agents list`, `workers list | drain` and `status`."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from orchestration import settings
from orchestration.bus.address import address_in
from orchestration.cli import options, remotely
from orchestration.cli.opening import by, engine_over
from orchestration.cli.output import emit
from orchestration.cli.paging import at_once
from orchestration.desk import workers as desk
from orchestration.runtime.look import broker_state
from orchestration.server_paths import path_of
from orchestration.state import RunStatus
from orchestration.store.connect import Opened
from orchestration.text import printable
from orchestration.views.fleet import FleetView
from orchestration.views.workers import listing

Json = dict[str, Any]
AGENTS = (
    "name", "status", "last_heartbeat", "capabilities", "paused", "paused_by", "metrics",
    "error_count", "last_error", "circuit",
)  # fmt: skip
WORKERS = (
    "id", "status", "host", "pid", "release", "transport", "serves", "running", "started_at",
)  # fmt: skip
ENDED = [status.value for status in RunStatus if status.ended]


@click.command("list")
@options.limit
@options.output
def agents(limit: int, form: str) -> None:
    """List agents and their health."""
    found: list[Json] = remotely.wherever(
        lambda server: server.get("/agents"), lambda opened: status_of(opened)["agents"]
    )
    emit(form, found[:limit], AGENTS)
    if form == "table":
        tell_held_back(found[:limit])


@click.command("list")
@options.limit
@options.output
def workers(limit: int, form: str) -> None:
    """List worker processes that are not known to be gone, newest first.

    Beside each agent that one serves stands in how many threads; one that drains or is silent
    serves none.
    """
    found: list[Json] = remotely.wherever(
        lambda server: at_once(server, "/workers", limit),
        lambda opened: opened.store.read(lambda s: listing(s, opened.locks, limit)),
    )
    if form == "table":
        found = [each | {"serves": in_words(each.get("slots", {}))} for each in found]
    emit(form, found, WORKERS)


def in_words(slots: Mapping[str, int]) -> str:
    """The agents that a worker serves, and the number of threads for each."""
    return ", ".join(f"{agent} ({count})" for agent, count in slots.items()) or "nothing"


@click.command()
@click.argument("worker", metavar="ID")
@click.option("--reason", default="", help="Why, for the audit.")
@options.output
def drain(*, worker: str, reason: str, form: str) -> None:
    """Let the worker ID take nothing new, finish what it has, and end.

    Its supervisor, where it has one, starts another one in its place.
    """
    found: Json = remotely.wherever(
        lambda server: server.post(f"{path_of(worker, 'workers')}/drain", {"reason": reason}),
        lambda opened: {"draining": desk.drain(engine_over(opened), worker, by(reason))},
    )
    emit(form, found)


@click.command()
@options.output
def status(form: str) -> None:
    """Show agents, queues, runs and the success rate; while RabbitMQ is away, also why."""
    found: Json = remotely.wherever(lambda server: server.get("/status"), with_broker)
    if form == "json":
        emit(form, found)
        return
    broker, listed = found.pop("broker"), found.pop("agents")
    bound = found.pop("counted_to", None)  # a server of 0.2.0 sends none
    if broker is not None and not broker["reachable"]:
        place, problem, cure = (printable(broker[name]) for name in ("address", "problem", "cure"))
        click.echo(f"RabbitMQ at {place} cannot be used ({problem}): {cure}\n")
    emit(form, found)
    if bound is not None and any(found["workflows"][each] >= bound for each in ENDED):
        click.echo(
            f"\nof ended runs no more than {bound} are counted in each status; success_rate is"
            f" that of the {bound} that ended last"
        )
    click.echo()
    emit(form, listed, AGENTS[:4])
    tell_held_back(listed)


def tell_held_back(found: Sequence[Json]) -> None:
    """Print why nothing is sent to agents that are paused, or that failed too often."""
    for each in found:
        if why := each.get("held_back"):  # a server of 0.2.0 sends none
            click.echo(f"\n{printable(why)}")


def with_broker(opened: Opened) -> Json:
    """The status of the fleet in this machine's store, and whether RabbitMQ can be used here."""
    address = address_in(settings.load())
    broker = None if address is None else broker_state(address)
    return status_of(opened) | {"broker": broker}


def status_of(opened: Opened) -> Json:
    """The fleet of a store."""
    return FleetView(opened.store, opened.store.clock).status()
