"""A client of server-sent events, a server in this process to reach, and events to hear of."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from orchestration.store import events
from orchestration.web.console import Console
from orchestration.web.serving import bound, listening

LONGEST_S = 120.0
PATIENCE_S = 20.0


class Event(NamedTuple):
    """One event of a stream."""

    name: str
    id: int | None
    data: Any


@contextmanager
def served(console: Console) -> Iterator[str]:
    """The application behind a socket, until the block ends."""
    with listening(console, bound("127.0.0.1", 0)) as place:
        yield place.rstrip("/")


async def lines(answer: httpx.Response) -> AsyncIterator[Event]:
    """The events of an answer."""
    name, number, data = "message", None, None
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            number = int(value)
        elif field == "data":
            data = json.loads(value)
        elif not line and data is not None:
            yield Event(name, number, data)
            name, number, data = "message", None, None


def never(_event: Event) -> bool:
    """Never: no event ends the waiting."""
    return False


async def heard(
    client: httpx.AsyncClient,
    path: str,
    *,
    last: int | None = None,
    most: int = 10**9,
    until: Callable[[Event], bool] = never,
) -> list[Event]:
    """The events of a stream, until it ends, until one fits, or until so many have a number."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    found: list[Event] = []
    async with asyncio.timeout(LONGEST_S), client.stream("GET", path, headers=headers) as answer:
        async for event in lines(answer):
            found.append(event)
            if until(event) or sum(each.id is not None for each in found) >= most:
                break
    return found


def numbers(found: list[Event]) -> list[int]:
    """The numbers of events, in order."""
    return [event.id for event in found if event.id is not None]


def happen(console: Console, run_id: str, count: int = 1) -> None:
    """Let something happen to a run."""
    for number in range(count):
        console.opened.store.write(
            lambda s, n=number: events.add(s, run_id, console.clock.now(), "test", detail=str(n))  # type: ignore[misc]
        )


def all_of(console: Console, run_id: str) -> list[int]:
    """The numbers of a run's events in the store."""
    return [row.id for row in console.read(lambda s: events.after(s, 0, 100_000, run_id))]
