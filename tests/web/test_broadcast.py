"""One thread reads the store for all who listen: they miss nothing, and the slow are dropped."""

import asyncio
import threading
from datetime import timedelta

import pytest

from orchestration.errors import StoreError
from orchestration.ports import Session
from orchestration.store import events, fractions
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
from tests.web.streaming import PATIENCE_S, all_of, happen


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
