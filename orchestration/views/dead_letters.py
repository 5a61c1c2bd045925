"""Dead letters as people and programs see them."""

import json
from typing import Any

from orchestration.store.dead_letters import DeadLetterRow
from orchestration.views.times import iso


def as_json(row: DeadLetterRow) -> dict[str, Any]:
    """A dead letter as people and programs see it."""
    return {
        "id": row.id,
        "reason": row.reason,
        "detail": row.detail,
        "routing_key": row.routing_key,
        "sender": row.sender,
        "message_id": row.message_id,
        "received_at": iso(row.received_at),
        "size": row.size,
        "replayable": row.replayable,
    }


def readable(body: bytes) -> Any:
    """A body as the JSON that it is, or else as text with what is no text escaped."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="backslashreplace")
