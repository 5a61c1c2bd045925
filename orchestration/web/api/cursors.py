"""Cursors: where a page of a listing ends, as a word that is opaque to the client."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from orchestration.context import storable
from orchestration.errors import NotFoundError
from orchestration.store.listings import Place

LAST = 2**62
T = TypeVar("T")


def cursor_of(*place: float | str) -> str:
    """A place as a word."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_in(cursor: str | None) -> Place | None:
    """Where the page of runs after a cursor begins.

    Raises:
        NotFoundError: The cursor is not one of ours.
    """
    if cursor is None:
        return None
    match read(cursor):
        case [float() | int() as at, str() as run_id] if is_place(at, run_id):
            return Place(float(at), run_id)
        case _:
            raise unknown()


def is_place(at: float, run_id: str) -> bool:
    """Whether a store can look for runs older than that: a valid moment, and a valid text."""
    return abs(at) < LAST and run_id == storable(run_id)


def number_in(cursor: str | None) -> int | None:
    """The number before which the page after a cursor begins.

    Raises:
        NotFoundError: The cursor is not one of ours.
    """
    if cursor is None:
        return None
    match read(cursor):
        case [int() as number] if not isinstance(number, bool) and 0 <= number < LAST:
            return number
        case _:
            raise unknown()


def read(cursor: str) -> Any:
    """What a cursor holds."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise unknown() from None


def unknown() -> NotFoundError:
    """The error for a cursor that is not ours."""
    return NotFoundError("there is no such page: begin again without a cursor")


def page(
    found: Sequence[T],
    limit: int,
    as_json: Callable[[T], dict[str, Any]],
    place: Callable[[T], tuple[float | str, ...]],
) -> dict[str, Any]:
    """One page; `next` is null where it is the last one.

    Args:
        found: What is on the page, and one more if there is one.
        limit: How many are on a page.
        as_json: An item as programs see it.
        place: The place of an item in the listing.
    """
    items = found[:limit]
    after = cursor_of(*place(items[-1])) if len(found) > limit else None
    return {"items": list(map(as_json, items)), "next": after}
