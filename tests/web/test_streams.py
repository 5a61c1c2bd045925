"""Streams tell everything once, to whoever comes again too, for as long as they may."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from orchestration import settings
from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.store import steps
from orchestration.web.api.events import Stream
from orchestration.web.broadcast import Broadcast
from orchestration.web.console import Console
from tests.eventually import eventually
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse
from tests.web.streaming import PATIENCE_S, Event, all_of, happen, heard, numbers, served

PING = ": ping\n\n"
MOMENT = 1_700_000_000.0


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


def test_who_still_reads_when_a_ping_is_due_is_not_broken_off(
    console: Console, run_id: str
) -> None:
    """He takes longer over an event than pings are apart: nothing cancels what he waits for."""
    hasty = replace(console, limits=replace(console.limits, ping_s=0.1))
    broadcast, slow = Broadcast(console.opened.store, console.clock), list[float]()

    def is_over() -> bool:
        return time.monotonic() > slow[0]

    async def read() -> list[str]:
        found = list[str]()
        async with asyncio.timeout(PATIENCE_S):
            async for text in Stream(hasty, broadcast, run_id, 0).chunks():
                found.append(text)
                if text == PING and found.count(PING) == 1:
                    await asyncio.to_thread(happen, console, run_id)
                elif text != PING and PING in found and not slow:
                    slow.append(time.monotonic() + 2 * hasty.limits.ping_s)
                    await asyncio.to_thread(eventually, is_over, within=PATIENCE_S)
                    await asyncio.to_thread(console.engine.cancel, run_id)
        return found

    told = asyncio.run(read())
    assert "event: end" in told[-1]
    assert "".join(told).count("id: ") == len(all_of(console, run_id))


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
