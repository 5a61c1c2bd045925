"""Reads listings of a server: page by page, or in one answer."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orchestration.remote import Remote

MOST_AT_ONCE = 500  # the most that a server lists in one answer
Json = dict[str, Any]


def pages(remote: "Remote", path: str, limit: int, **wanted: Any) -> list[Json]:
    """The items of a listing with pages, in its order, up to a limit.

    Raises:
        OrchestrationError: The server refuses, or cannot be reached.
    """
    found, cursor = list[Json](), None
    while len(found) < limit:
        most = min(limit - len(found), MOST_AT_ONCE)
        page = remote.get(path, **wanted, limit=most, cursor=cursor)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    return found


def at_once(remote: "Remote", path: str, limit: int, **wanted: Any) -> list[Json]:
    """The items of a listing without pages, up to a limit; warns on stderr if it is cut short.

    Raises:
        OrchestrationError: The server refuses, or cannot be reached.
    """
    found: list[Json] = remote.get(path, **wanted, limit=min(limit, MOST_AT_ONCE))
    if len(found) == MOST_AT_ONCE < limit:
        told = f"there may be more than these {MOST_AT_ONCE}: {remote.place} lists no more at once"
        click.echo(told, err=True)
    return found
