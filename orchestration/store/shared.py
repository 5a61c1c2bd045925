"""The table `shared`: small values that every process of the fleet sees and may change."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from orchestration.ports import Session


def get(session: Session, key: str) -> Any:
    """The value of a key, or None."""
    row = session.one("SELECT value FROM shared WHERE key = ?", key)
    return None if row is None else json.loads(row[0])


def under(session: Session, prefix: str) -> dict[str, Any]:
    """Every value whose key begins with a prefix, by key."""
    rows = session.all(
        "SELECT key, value FROM shared WHERE substr(key, 1, ?) = ? ORDER BY key",
        *(len(prefix), prefix),
    )
    return {key: json.loads(value) for key, value in rows}


def update(session: Session, key: str, change: Callable[[Any], Any], now: datetime) -> Any:
    """Replace a value by what `change` makes of it; None deletes it."""
    value = change(get(session, key))
    if value is None:
        session.run("DELETE FROM shared WHERE key = ?", key)
        return None
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    session.run(
        "INSERT INTO shared (key, value, updated_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at",
        *(key, text, now.timestamp()),
    )
    return value
