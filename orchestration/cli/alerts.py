"""`orchestrate alerts list`: what people must know of."""

import click

from orchestration.cli import options
from orchestration.cli.opening import opened_store
from orchestration.cli.output import emit
from orchestration.store import alerts
from orchestration.views.fleet import alert_as_json

COLUMNS = ("id", "raised_at", "kind", "message", "times", "status")


@click.command("list")
@options.limit
@options.output
def list_(limit: int, form: str) -> None:
    """List alerts, newest first, and whether they were told."""
    with opened_store() as opened:
        found = opened.store.read(lambda s: alerts.newest(s, limit))
    emit(form, [alert_as_json(alert) for alert in found], COLUMNS)
