"""Results as they are stored: as JSON text in their step's row, or in pieces beside it."""

import json
from collections.abc import Callable
from typing import Any

from orchestration.context import storable_json
from orchestration.store import artifacts

ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))

Kept = tuple[str | None, str | None]


def encoded(value: Any) -> str:
    """A result as JSON text, which every reader can write as UTF-8.

    Raises:
        ValueError: The result is not JSON.
    """
    try:
        return storable_json(ENCODER.encode(value))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the result is not JSON: {error}") from None


def keep(text: str, put: Callable[[str, tuple[int, bytes]], object]) -> Kept:
    """A result as its row stores it: its text, or the name under which its pieces are.

    Args:
        text: The result as JSON text.
        put: Writes one numbered piece of what is too large for a row, under a name.
    """
    if len(text) <= artifacts.LARGEST_IN_ROW:
        return text, None
    body = text.encode()
    name = artifacts.digest(body)
    for piece in artifacts.chunks(body):
        put(name, piece)
    return None, name
