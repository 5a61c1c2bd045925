"""Data that agents share: stored, and forwarded to the agents that the app's routes name."""

import json
from collections.abc import Mapping
from typing import Any

from orchestration.engine import speech
from orchestration.engine.transaction import Transaction
from orchestration.store import data_messages


def share(
    tx: Transaction, kind: str, sender: str, message_id: str, payload: Mapping[str, Any]
) -> None:
    """Store data, and forward them as the routes say.

    Args:
        tx: The transaction.
        kind: The type of the data.
        sender: The agent that sent them.
        message_id: A part of the ids of forwarded messages, so that a repetition is recognised.
        payload: `data_type` and the data.
    """
    data_messages.add(tx.session, kind, sender, json.dumps(payload), tx.now)
    for route in tx.rules.routes:
        if route.data_type == kind and (route.when is None or field(payload, route.when)):
            passed = {**payload, "data_type": route.renamed or kind}
            for recipient in route.to:
                speech.pass_on(tx, f"data:{recipient}:{sender}:{message_id}", recipient, passed)


def field(payload: Mapping[str, Any], name: str) -> Any:
    """A field of a payload, or of the data in it."""
    inner = payload.get("data")
    return payload.get(name, inner.get(name) if isinstance(inner, dict) else None)
