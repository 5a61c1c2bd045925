"""Schedules as people and programs see them."""

import json
from typing import Any

from orchestration.store.schedules import ScheduleRow
from orchestration.views.times import iso


def as_json(row: ScheduleRow) -> dict[str, Any]:
    """A schedule as people and programs see it."""
    return {
        "name": row.name,
        "command": row.command,
        "parameters": json.loads(row.parameters),
        "cron": row.cron,
        "timezone": row.timezone,
        "overlap": row.overlap,
        "status": "paused" if row.paused else "active",
        "next_at": iso(row.next_at),
        "last_run": row.last_run,
        "created_at": iso(row.created_at),
    }
