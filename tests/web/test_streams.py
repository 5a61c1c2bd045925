"""Streams tell everything once, to whoever comes again too; the slow and the endless are ended."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from orchestration import settings
from orchestration.desk import tokens
from orchestration.desk.starting import command_of
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.errors import StoreError
from orchestration.ports import Session
from orchestration.store import events, fractions, steps
from orchestration.store.events import EventRow
from orchestration.store.fractions import Pace
from orchestration.web.broadcast import (
    BATCH,
    GAP_S,
    MOST_WAITING,
    Broadcast,
    End,
    Listener,
    Lookout,
    Moved,
)
from orchestration.web.console import Console
from tests.clock import FakeClock
from tests.eventually import eventually
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse
from tests.web.streaming import Event, heard, numbers, served

MOMENT = 1_700_000_000.0
PATIENCE_S = 20.0


@pytest.fixture
def run_id(console: Console) -> str:
    """A run that waits."""
    return console.engine.submit(command_of(console.app, "job", {}, "test"))


def happen(console: Console, run_id: str, count: int = 1) -> None:
    """Let something happen to a run."""
    for number in range(count):
        console.opened.store.write(
            lambda s, n=number: events.add(s, run_id, console.clock.now(), "test", detail=str(n))  # type: ignore[misc]
        )


def all_of(console: Console, run_id: str) -> list[int]:
    """The numbers of a run's events in the store."""
    return [row.id for row in console.read(lambda s: events.after(s, 0, 100_000, run_id))]


def while_streaming(console: Console, path: str, do: Callable[[], Any], **how: Any) -> list[Event]:
    """What a stream tells that is heard while something is done."""

    async def hear() -> list[Event]:
        async with httpx.AsyncClient(base_url=place, timeout=PATIENCE_S) as client:
            task = asyncio.create_task(heard(client, path, **how))
            await asyncio.to_thread(do)
            return await task

    with served(console) as place:
        return asyncio.run(hear())


def test_a_run_is_told_from_its_beginning_to_its_end(console: Console, run_id: str) -> None:
    def act() -> None:
        happen(console, run_id, 20)
        console.engine.cancel(run_id)

    found = while_streaming(console, f"/orchestration/workflows/{run_id}/events", act)
    assert numbers(found) == all_of(console, run_id)
    assert (found[-1].name, found[-1].data) == ("end", {"workflow_id": run_id})


def test_who_comes_again_hears_nothing_twice_and_misses_nothing(
    console: Console, run_id: str
) -> None:
    """Connections are cut in the middle, again and again, while much happens."""
    path, seen = f"/orchestration/workflows/{run_id}/events", list[int]()

    def write() -> None:
        happen(console, run_id, 300)
        console.engine.cancel(run_id)

    async def hear() -> None:
        async with httpx.AsyncClient(base_url=place, timeout=PATIENCE_S) as client:
            ended = False
            while not ended:
                found = await heard(client, path, last=seen[-1] if seen else None, most=17)
                seen.extend(numbers(found))
                ended = not found or found[-1].name == "end"

    writer = threading.Thread(target=write)

    with served(console) as place:
        writer.start()
        asyncio.run(hear())
        writer.join(PATIENCE_S)
    assert seen == all_of(console, run_id)
    assert len(seen) > 300


def test_a_stream_of_all_begins_now_or_after_an_event(console: Console, run_id: str) -> None:
    happen(console, run_id, 3)
    before = all_of(console, run_id)
    found = while_streaming(console, "/orchestration/events", lambda: None, last=before[-3], most=2)
    assert numbers(found) == before[-2:]


def test_an_ended_run_is_not_asked_for_again(console: Console, run_id: str, http: Browser) -> None:
    console.engine.cancel(run_id)
    path = f"/orchestration/workflows/{run_id}/events"
    last = all_of(console, run_id)[-1]
    assert http.get(path, headers={"Last-Event-ID": str(last)}).status_code == 204
    assert f"id: {last}\n" in http.get(path).text
    assert http.get("/orchestration/workflows/nothing_1/events").status_code == 404


def test_a_stream_lives_shows_so_and_ends(console: Console, run_id: str, browse: Browse) -> None:
    limits = replace(console.limits, ping_s=0.05, stream_s=0.3)
    http = browse(limits=limits)
    told = http.get(f"/orchestration/workflows/{run_id}/events").text
    assert told.startswith("retry: ")
    assert told.count(": ping") >= 2
    assert limits.ping_s < console.limits.ping_s <= 15


def test_a_revoked_token_hears_nothing_more(console: Console, environ: dict[str, str]) -> None:
    found = settings.load({**environ, "ORCHESTRATION_API_TOKEN": TOKEN})
    made = tokens.add(console.engine, "alice", Role.VIEWER, By("test"))
    closed = replace(console, settings=found, limits=replace(console.limits, ping_s=0.05))

    async def hear() -> None:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=place) as client:
            bearer = {"Authorization": f"Bearer {made}"}
            async with client.stream("GET", "/orchestration/events", headers=bearer) as answer:
                assert answer.status_code == 200
                pings = 0
                async for line in answer.aiter_lines():
                    pings += line == ": ping"
                    if line == ": ping" and pings == 2:
                        await asyncio.to_thread(tokens.revoke, console.engine, "alice", By("test"))

    with served(closed) as place:
        asyncio.run(hear())


def test_one_caller_leaves_room_for_the_others(console: Console, run_id: str) -> None:
    """Two streams are one too many here; when the first has ended there is room again."""
    limits = replace(console.limits, streams=1)
    path = f"/orchestration/workflows/{run_id}/events"

    async def hear() -> None:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=place) as client:
            async with client.stream("GET", path) as first:
                begun = first.aiter_lines()
                assert await anext(begun)
                refused = await client.get(path)
                assert refused.status_code == 429
                assert "end one" in refused.json()["detail"]
                assert refused.headers["Retry-After"]
                await asyncio.to_thread(console.engine.cancel, run_id)
                assert [line async for line in begun][-3:]
            assert (await client.get(path)).status_code == 200

    assert console.limits.streams * 10 <= console.limits.connections
    with served(replace(console, limits=limits)) as place:
        asyncio.run(hear())


def test_progress_is_told_to_who_listens_to_its_run(console: Console, run_id: str) -> None:
    store = console.opened.store
    claim = "UPDATE steps SET status = 'running', claimed_at = ?, owner = 'w' WHERE run_id = ?"
    store.write(lambda s: s.run(claim, MOMENT, run_id))
    (branch, *_) = store.read(lambda s: steps.of_run(s, run_id))

    def advance() -> None:
        for tenth in range(1, 10):
            store.write(
                lambda s, t=tenth: s.run("UPDATE steps SET fraction = ?, message = 'on'", t / 10)  # type: ignore[misc]
            )

    def is_far(event: Event) -> bool:
        return event.name == "progress" and event.data["branches"][0]["fraction"] == 0.9

    path = f"/orchestration/workflows/{run_id}/events"
    found = while_streaming(console, path, advance, until=is_far)
    told = [each.data["branches"][0] for each in found if each.name == "progress"]
    assert (told[-1]["step"], told[-1]["message"]) == (branch.step, "on")
    fractions = [each["fraction"] for each in told]
    assert fractions == sorted(fractions)


def test_who_does_not_take_what_he_hears_is_dropped() -> None:
    async def hear() -> Listener:
        listener = Listener("r")
        for number in range(MOST_WAITING + 5):
            listener.hear(row(number))
        return listener

    listener = asyncio.run(hear())
    assert listener.dropped
    assert [listener.items.get_nowait()] == [End()]


def test_one_thread_asks_for_all_who_listen_and_ends_with_them(console: Console) -> None:
    feed = Broadcast(console.opened.store, console.clock)

    def threads() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each.name == "broadcast"]

    async def listen() -> int:
        with feed.listening(None), feed.listening("a"), feed.listening("b"):
            return len(threads())

    assert asyncio.run(listen()) == 1
    eventually(lambda: not threads(), within=PATIENCE_S, what="the thread ended")


def test_nothing_is_missed_between_what_is_written_and_what_is_heard(
    console: Console, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens after a stream has read what was written comes after its thread's first look."""
    feed, gate = Broadcast(console.opened.store, console.clock), threading.Event()
    last_id = events.last_id

    def late(session: Session) -> int:
        gate.wait(PATIENCE_S)
        return last_id(session)

    async def listen() -> int:
        with feed.listening(run_id) as listener:
            begun = asyncio.create_task(asyncio.to_thread(feed.begun))
            await asyncio.sleep(0)
            assert not begun.done()
            gate.set()
            assert await begun
            await asyncio.to_thread(happen, console, run_id)
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for item in await listener.take():
                        if isinstance(item, EventRow):
                            return item.id

    monkeypatch.setattr(events, "last_id", late)
    assert asyncio.run(listen()) == all_of(console, run_id)[-1]


def test_a_look_that_fails_is_made_again_and_misses_nothing(
    console: Console, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away between the events of a look and its paces, and nothing comes after."""
    feed, paces = Broadcast(console.opened.store, console.clock), fractions.paces
    failing, failed = threading.Event(), threading.Event()

    def sometimes(session: Session) -> dict[str, Pace]:
        if failing.is_set():
            failing.clear()
            failed.set()
            raise StoreError("away")
        return paces(session)

    async def listen() -> int:
        with feed.listening(run_id) as listener:
            assert await asyncio.to_thread(feed.begun)
            failing.set()
            await asyncio.to_thread(happen, console, run_id)
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for item in await listener.take():
                        if isinstance(item, EventRow):
                            return item.id

    monkeypatch.setattr(fractions, "paces", sometimes)
    assert asyncio.run(listen()) == all_of(console, run_id)[-1]
    assert failed.is_set()


def test_after_an_error_that_nobody_expects_streams_end_and_those_that_come_again_are_told(
    console: Console,
    run_id: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed, paces = Broadcast(console.opened.store, console.clock), fractions.paces
    errors = [KeyError("as a bug would")]

    def once(session: Session) -> dict[str, Pace]:
        if errors:
            raise errors.pop()
        return paces(session)

    async def listen() -> int:
        async with asyncio.timeout(PATIENCE_S):
            with feed.listening(None) as listener:
                assert await listener.take() == [End()]
            with feed.listening(run_id) as listener:
                assert await asyncio.to_thread(feed.begun)
                await asyncio.to_thread(happen, console, run_id)
                while True:
                    for item in await listener.take():
                        if isinstance(item, EventRow):
                            return item.id

    monkeypatch.setattr(fractions, "paces", once)
    assert asyncio.run(listen()) == all_of(console, run_id)[-1]
    assert "as a bug would" in caplog.text


def test_a_missing_number_is_waited_for_and_then_passed_over(
    console: Console, clock: FakeClock
) -> None:
    store, reading = console.opened.store, Lookout(clock)
    insert = "INSERT INTO events (id, run_id, at, kind) VALUES (?, 'r', 0, 'test')"

    def look() -> list[int]:
        return [each.id for each in store.read(reading.look) if isinstance(each, EventRow)]

    assert look() == []
    for number in (1, 2, 4):
        store.write(lambda s, n=number: s.run(insert, n))  # type: ignore[misc]
    assert look() == [1, 2]
    assert is_behind(reading)
    store.write(lambda s: s.run(insert, 3))
    assert look() == [3, 4]
    assert not is_behind(reading)
    store.write(lambda s: s.run(insert, 7))
    assert look() == []
    clock.advance(timedelta(seconds=GAP_S + 1))
    assert look() == [7]


def test_many_events_at_once_are_told_in_order(console: Console, clock: FakeClock) -> None:
    store, reading = console.opened.store, Lookout(clock)
    store.read(reading.look)
    insert = "INSERT INTO events (run_id, at, kind) VALUES ('r', 0, 'test')"
    store.write(lambda s: [s.changed(insert) for _ in range(BATCH * 2 + 1)])
    found = store.read(reading.look)
    assert not any(isinstance(each, Moved) for each in found)
    assert len(found) == BATCH * 2 + 1


def row(number: int) -> EventRow:
    """An event of the run r."""
    return EventRow(number, "r", FakeClock().now(), "test", None, None, None)


def is_behind(reading: Lookout) -> bool:
    """Whether something may be new though nothing was written."""
    return reading.is_behind
