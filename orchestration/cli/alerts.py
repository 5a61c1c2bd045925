"""`orchestrate alerts list`: what people must know of."""

import click

from orchestration.cli import options, remotely
from orchestration.cli.output import emit
from orchestration.cli.paging import at_once
from orchestration.store import alerts
from orchestration.views.fleet import alert_as_json

COLUMNS = ("id", "raised_at", "kind", "message", "times", "status")


@click.command("list")
@options.limit
@options.output
def list_(limit: int, form: str) -> None:
    """List alerts, newest first, and whether they were told."""
    found = remotely.wherever(
        lambda server: at_once(server, "/alerts", limit),
        lambda opened: [
            alert_as_json(alert) for alert in opened.store.read(lambda s: alerts.newest(s, limit))
        ],
    )
    emit(form, found, COLUMNS)
