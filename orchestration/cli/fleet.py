"""`orchestrate agents list`, `workers list` and `status`."""

from typing import Any

import click

from orchestration import settings
from orchestration.bus.address import address_in
from orchestration.cli import options
from orchestration.cli.opening import opened_store
from orchestration.cli.output import emit
from orchestration.clock import SystemClock
from orchestration.ports import Locks, Session
from orchestration.runtime.look import broker_state
from orchestration.store import steps
from orchestration.store import workers as rows
from orchestration.store.workers import WorkerRow
from orchestration.views.fleet import FleetView
from orchestration.views.times import iso

AGENTS = (
    "name", "status", "last_heartbeat", "capabilities", "paused", "paused_by", "metrics",
    "error_count", "last_error", "circuit",
)  # fmt: skip
WORKERS = ("id", "status", "host", "pid", "release", "transport", "running", "started_at")


@click.command("list")
@options.limit
@options.output
def agents(limit: int, form: str) -> None:
    """List agents and their health."""
    with opened_store() as opened:
        found = FleetView(opened.store, SystemClock()).status()["agents"]
    emit(form, found[:limit], AGENTS)


@click.command("list")
@options.limit
@options.output
def workers(limit: int, form: str) -> None:
    """List worker processes that are not known to be gone, newest first."""
    with opened_store() as opened:
        present = sorted(
            opened.store.read(rows.present), key=lambda row: row.started_at, reverse=True
        )
        found = opened.store.read(
            lambda s: [as_json(s, opened.locks, row) for row in present[:limit]]
        )
    emit(form, found, WORKERS)


@click.command()
@options.output
def status(form: str) -> None:
    """Show agents, queues, runs and the success rate; while RabbitMQ is away, also why."""
    address = address_in(settings.load())
    broker = None if address is None else broker_state(address)
    with opened_store() as opened:
        found = FleetView(opened.store, SystemClock()).status()
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


def as_json(session: Session, locks: Locks, row: WorkerRow) -> dict[str, Any]:
    """A worker as people and programs see it."""
    alive = "draining" if row.draining else "alive"
    return {
        "id": row.id,
        "status": "dead" if locks.is_free(row.id) else alive,
        "host": row.host,
        "pid": row.pid,
        "release": row.release,
        "transport": row.transport,
        "running": len(steps.owned_by(session, row.id, None)),
        "started_at": iso(row.started_at),
        "last_beat": iso(row.beat_at),
        "scope": row.scope,
        "offers": sorted(row.offers),
    }
