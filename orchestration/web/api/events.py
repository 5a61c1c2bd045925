"""Events, past ones as a list and new ones as server-sent events: reconnecting misses none."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from orchestration.state import RunStatus
from orchestration.store import events, runs
from orchestration.store.events import EventRow
from orchestration.views import error
from orchestration.views.times import iso
from orchestration.web.api import cursors
from orchestration.web.authentication import (
    Actor,
    TheConsole,
    Viewer,
    authenticator_of,
    caller_of,
    console_of,
)
from orchestration.web.broadcast import Broadcast, End, Item, Listener, Moved
from orchestration.web.console import Console
from orchestration.web.described import RUN, Cursor, Limit, RunId, Word, answers, told
from orchestration.web.limits import Shares
from orchestration.web.problems import Refusal

router = APIRouter(tags=["events"])

BATCH = 500
AGAIN_S = 5
FULL = "you hear as many streams as one may hear: end one, or hear /orchestration/events for all"
NUMBER = {"ge": 0, "le": 2**53}
MEDIA_TYPE = "text/event-stream"
HAPPENED = {
    "id": 42, "workflow_id": RUN, "at": "2026-01-31T06:30:00.000+00:00", "kind": "step.completed",
    "step": "reserving", "branch": 0, "detail": None,
}  # fmt: skip
EXAMPLE = """\
id: 42
data: {"id": 42, "workflow_id": "restock_0123456789ab", "kind": "step.completed", "step": "reserving", "branch": 0, "detail": null, "at": "2026-01-31T06:30:00.000+00:00"}

event: progress
data: {"workflow_id": "restock_0123456789ab", "status": "running", "progress": 0.5, "branches": []}

"""  # noqa: E501 - a line of the stream
EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "The number of the event."},
        "event": {"type": "string", "description": "message, progress or end"},
        "data": {"type": "string", "description": "JSON"},
    },
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream: each event with its id; `progress` and `end` without one.",
        "content": {MEDIA_TYPE: {"schema": EVENT, "example": EXAMPLE}},
    }
}
LastId = Annotated[
    int | None, Header(alias="Last-Event-ID", description="After which event to go on.", **NUMBER)
]
After = Annotated[int | None, Query(description="The same, for who cannot set headers.", **NUMBER)]


@router.get(
    "/workflows/{workflow_id}/events",
    summary="What happens to a run, live",
    response_class=StreamingResponse,
    responses=STREAM | {204: {"description": "It has ended, and all was told."}} | told((404,)),
)
async def stream_workflow_events(
    request: Request,
    console: TheConsole,
    actor: Viewer,
    workflow_id: RunId,
    last: LastId = None,
    after: After = None,
) -> Response:
    """From its beginning, or from `Last-Event-ID`, until it has ended; then `event: end`."""
    begin = first_of(last, after)
    over = await run_in_threadpool(is_over, console, workflow_id, begin or 0)
    if over and begin is not None:
        return Response(status_code=204)
    return streaming(
        request, actor, Stream(console, broadcast_of(request), workflow_id, begin or 0)
    )


@router.get(
    "/events",
    summary="What happens to all runs, live",
    response_class=StreamingResponse,
    responses=STREAM,
)
async def stream_events(
    request: Request, console: TheConsole, actor: Viewer, last: LastId = None, after: After = None
) -> Response:
    """From now on, or from `Last-Event-ID`, without an end."""
    begin = first_of(last, after)
    if begin is None:
        begin = await run_in_threadpool(console.read, events.last_id)
    return streaming(request, actor, Stream(console, broadcast_of(request), None, begin))


@router.get(
    "/events/history",
    summary="What happened to a run, or to all",
    responses=answers({"items": [HAPPENED], "next": None}, 404),
)
def list_events(
    console: TheConsole,
    _: Viewer,
    *,
    workflow_id: Word | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first, in the words of the streams."""
    before = cursors.number_in(cursor)

    def look(session: Any) -> list[EventRow]:
        rows = events.newest(session, limit + 1, workflow_id, before)
        if workflow_id is not None and not rows and cursor is None:
            runs.status(session, workflow_id)  # raises where there is none
        return rows

    return cursors.page(console.read(look), limit, as_json, lambda row: (row.id,))


def is_welcome(request: Request) -> bool:
    """Whether a stream's client may still look: its token may be revoked, its session over."""
    try:
        authenticator_of(request).actor(request)
    except Refusal:
        return False
    return True


def streaming(request: Request, actor: Actor, stream: "Stream") -> Response:
    """The response that a stream is, for as long as its client may look.

    Raises:
        Refusal: The client has as many streams as it may have.
    """
    shares: Shares = request.app.state.streams
    caller = actor.sender if actor.known else caller_of(request)
    if shares.is_full(caller):
        raise Refusal(429, FULL, {"Retry-After": f"{AGAIN_S}"})

    async def chunks() -> AsyncIterator[str]:
        if shares.is_full(caller):
            return
        loop, every = asyncio.get_running_loop(), console_of(request).limits.ping_s
        due = loop.time() + every
        with shares.holding(caller):
            async for text in stream.chunks():
                if loop.time() >= due:
                    if not await run_in_threadpool(is_welcome, request):
                        return
                    due = loop.time() + every
                yield text

    return StreamingResponse(chunks(), media_type=MEDIA_TYPE)


def broadcast_of(request: Request) -> Broadcast:
    """The broadcast of the app that a request came to."""
    broadcast: Broadcast = request.app.state.broadcast
    return broadcast


def first_of(last: int | None, after: int | None) -> int | None:
    """The event after which to begin: a browser that reconnects names it in a header."""
    return last if last is not None else after


def is_over(console: Console, run_id: str, last: int) -> bool:
    """Whether a run has ended, and no event of it came after the given one.

    Raises:
        NotFoundError: There is no such run.
    """

    def look(session: Any) -> bool:
        ended = runs.status(session, run_id).ended
        return ended and not events.after(session, last, 1, run_id)

    return console.read(look)


class Stream:
    """One client's events: first those in the store, then new ones.

    Args:
        console: Has the store with the events.
        broadcast: Tells of new events.
        run_id: The only run; None: all runs.
        last: The event after which the stream begins.
    """

    def __init__(
        self, console: Console, broadcast: Broadcast, run_id: str | None, last: int
    ) -> None:
        self._console = console
        self._broadcast = broadcast
        self._run_id = run_id
        self._last = last

    async def chunks(self) -> AsyncIterator[str]:
        """The text of the stream."""
        limits, loop = self._console.limits, asyncio.get_running_loop()
        end = loop.time() + limits.stream_s
        with self._broadcast.listening(self._run_id) as listener:
            yield "retry: 1000\n\n"
            if not await self._in_thread(self._broadcast.begun):
                return
            async for text in self._written():
                yield text
            while loop.time() < end:
                if await self._in_thread(self._has_ended):
                    async for text in self._written():
                        yield text
                    yield named("end", {"workflow_id": self._run_id})
                    return
                async for text in self._coming(listener, min(end, loop.time() + limits.ping_s)):
                    yield text
                if listener.dropped:
                    return

    async def _written(self) -> AsyncIterator[str]:
        """The events in the store after the last one that was sent."""
        while batch := await self._in_thread(self._read):
            self._last = batch[-1].id
            yield "".join(map(numbered, batch))

    async def _coming(self, listener: Listener, until: float) -> AsyncIterator[str]:
        """New events until the run may have ended, or until a ping is due, and then the ping."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            try:
                async with asyncio.timeout_at(until):  # no yield in it: it would cancel who reads
                    items = await listener.take()
            except TimeoutError:
                break
            if text := "".join(map(self._told, items)):
                yield text
            if any(map(is_last, items)):
                return
        yield ": ping\n\n"

    def _told(self, item: Item) -> str:
        """An item as text; empty for an event that was sent already."""
        match item:
            case EventRow() if item.id > self._last:
                self._last = item.id
                return numbered(item)
            case Moved():
                return progress_of(item)
            case _:
                return ""

    async def _in_thread(self, look: Callable[[], Any]) -> Any:
        return await run_in_threadpool(look)

    def _read(self) -> list[EventRow]:
        return self._console.read(lambda s: events.after(s, self._last, BATCH, self._run_id))

    def _has_ended(self) -> bool:
        run_id = self._run_id
        if run_id is None:
            return False
        status: RunStatus = self._console.read(lambda s: runs.status(s, run_id))
        return status.ended


def is_last(item: Item) -> bool:
    """Whether this item may be the last one."""
    if isinstance(item, EventRow):
        return item.kind.partition(".")[0] == "run"
    return isinstance(item, End)


def numbered(row: EventRow) -> str:
    """An event with its number, after which a reconnecting client goes on."""
    return f"id: {row.id}\ndata: {json.dumps(as_json(row))}\n\n"


def as_json(row: EventRow) -> dict[str, Any]:
    """An event as programs see it, with an error in one line."""
    return {
        "id": row.id,
        "workflow_id": row.run_id or None,
        "at": iso(row.at),
        "kind": row.kind,
        "step": row.step,
        "branch": row.branch,
        "detail": error.one_line(row.detail),
    }


def progress_of(moved: Moved) -> str:
    """How far a run is; without a number, since the next such event replaces it."""
    pace = moved.pace
    data = {"workflow_id": moved.run_id, "status": pace.status, "progress": pace.progress}
    return named("progress", data | {"branches": [each._asdict() for each in pace.branches]})


def named(event: str, data: Any) -> str:
    """An event with a name and without a number."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"
