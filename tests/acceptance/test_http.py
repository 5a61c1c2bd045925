"""The HTTP part as others meet it: by its own description, and by a crowd that listens."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestration import settings
from orchestration.desk import schedules as desk_schedules
from orchestration.desk import tokens
from orchestration.desk.schedules import Planned
from orchestration.desk.starting import command_of
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.ports import Session
from orchestration.store import audit, dead_letters, events, listings
from orchestration.store.artifacts import sizes
from orchestration.store.listings import Filter
from orchestration.web.console import Console, opened_console
from orchestration.web.limits import Limits
from tests.cli.sample import app as sample
from tests.web.stock import Stock
from tests.web.stock import app as stocked
from tests.web.streaming import Event, heard, numbers, served

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of the tests
HUNDREDS = 300
HAPPENINGS = 20
ALONE = "examples,coverage,fuzzing"  # no link leads to a stop
PATIENCE_S = 200
WHAT_NO_SCHEMA_SAYS = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "5xx"]
"""
REAL = 0.7
RUNS = 3


@pytest.fixture
def closed(quick_path: Path) -> Iterator[Console]:
    """A console that needs a token, and lets a tester ask as often as he likes."""
    environ = {"ORCHESTRATION_HOME": str(quick_path), "ORCHESTRATION_API_TOKEN": TOKEN}
    limits = Limits(rate=1e6, burst=1e6, failures=10**6, stream_s=0.05, ping_s=0.02)
    with opened_console(stocked, settings.load(environ)) as console:
        yield replace(console, limits=limits)


def what_there_is(console: Console) -> dict[str, list[Any]]:
    """Something of everything in the store: for each parameter of a path what it may name."""
    stock = Stock(console.opened.store)
    for number in range(RUNS):
        stock.fleet.start("job", {"items": ["a"], "note": f"{number}"})
        stock.fleet.work_off(stock.worker, much)
        stock.fleet.start("gated")
    stock.fleet.work_off(stock.worker)
    by = By("test")
    for name in ("nightly", "weekly"):
        planned = Planned(name=name, command="job", cron="0 6 * * *", parameters={"items": []})
        desk_schedules.add(console.engine, console.app, planned, by)
    tokens.add(console.engine, "eve", Role.VIEWER, by)
    found = console.read(lambda s: listings.ids(s, Filter(), 100))
    large = console.read(large_ones)
    letters = console.read(lambda s: dead_letters.newest(s, 100))
    names = ["worker", "sleeper", stock.worker.row.id, "nightly", "weekly", "eve"]
    return {
        "workflow_id": found,
        "digest": large,
        "letter": [row.id for row in letters],
        "name": names,
    }


def large_ones(session: Session) -> list[str]:
    """The digests of all results that are kept apart from their steps."""
    found = listings.ids(session, Filter(), 100)
    return sorted({digest for run_id in found for digest, _ in sizes(session, run_id)})


def much(_claim: object) -> dict[str, str]:
    """A result that is too large for its step."""
    return {"much": "x" * 70_000}


def bound_to(found: dict[str, list[Any]]) -> str:
    """The configuration by which parameters of paths mostly name what there is."""
    lines = []
    for parameter, values in found.items():
        lines += [f"[dictionaries.{parameter}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    lines += [
        f'"path.{parameter}" = {{ dictionary = "{parameter}", probability = {REAL} }}'
        for parameter in found
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("which", "phases", "seconds", "changes"),
    [
        (
            "--exclude-path-regex",
            ALONE + ",stateful",
            70,
            {"cancel", "pause", "fork", "pause_agent", "discard"},
        ),
        ("--include-path-regex", ALONE, 5, {"emergency_stop", "emergency_release"}),
    ],
    ids=["all but the stop, which ends all that could be found", "the stop"],
)
def test_schemathesis_finds_nothing(
    closed: Console, tmp_path: Path, which: str, phases: str, seconds: int, changes: set[str]
) -> None:
    """All checks, in all phases; a cron line, for one, is checked beyond what a schema says."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(WHAT_NO_SCHEMA_SAYS + bound_to(what_there_is(closed)), "utf-8")
    command = Path(sys.executable).with_name("schemathesis")
    with served(closed) as place:
        found = subprocess.run(
            [
                *(command, "--config-file", config, "run", f"{place}/openapi.json"),
                *("-H", f"Authorization: Bearer {TOKEN}", "--checks", "all"),
                *("--max-time", str(seconds), "--warnings", "off", "--no-color"),
                *("--phases", phases, which, "/emergency/"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert found.returncode == 0, found.stdout[-20_000:]
    done = {deed.action for deed in closed.read(lambda s: audit.newest(s, 10_000))}
    missed = changes - done  # in so many seconds chance may leave one out, on a slow machine
    assert len(missed) <= 1, f"what there is was not only looked for, but found, save {missed}"


@dataclass(frozen=True)
class Group:
    """Some of a crowd: from one address, or by one token."""

    address: str | None = None
    token: str | None = None

    def client(self, place: str) -> httpx.AsyncClient:
        """A client that all of them share, each with a connection of his own."""
        bounds = httpx.Limits(max_connections=None)
        transport = httpx.AsyncHTTPTransport(local_address=self.address, limits=bounds)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.AsyncClient(
            base_url=place, timeout=PATIENCE_S, transport=transport, headers=headers
        )


@pytest.mark.skipif(sys.platform != "linux", reason="only there 127.0.0.2 is this machine's, too")
def test_hundreds_listen_from_several_addresses(quick_path: Path) -> None:
    crowded({"ORCHESTRATION_HOME": f"{quick_path}"}, [Group(f"127.0.0.{n}") for n in (1, 2, 3)])


def test_hundreds_listen_by_several_tokens(quick_path: Path) -> None:
    environ = {"ORCHESTRATION_HOME": f"{quick_path}", "ORCHESTRATION_API_TOKEN": TOKEN}
    with opened_console(sample, settings.load(environ)) as console:
        names = ("ann", "bob", "eve")
        made = [tokens.add(console.engine, n, Role.VIEWER, By("test")) for n in names]
    crowded(environ, [Group(token=each) for each in made])


def crowded(environ: dict[str, str], groups: list[Group]) -> None:
    """Each of a crowd hears all that happens, once and in order; one thread asks for all."""
    with opened_console(sample, settings.load(environ)) as opened:
        console = replace(opened, limits=Limits(rate=1e6, burst=1e6))
        run_id = console.engine.submit(command_of(console.app, "job", {}, "test"))
        with served(console) as place:
            told, threads, one_more = asyncio.run(crowd(console, place, run_id, groups))
        written = [row.id for row in console.read(lambda s: events.after(s, 0, 1_000, run_id))]
    assert threads == 1
    assert len(told) == len(groups) * Limits().streams >= HUNDREDS
    assert all(each == written for each in told)
    assert one_more == 429, "each has as many as one may have"


async def crowd(
    console: Console, place: str, run_id: str, groups: list[Group]
) -> tuple[list[list[int]], int, int]:
    """What each of many was told, how many threads asked the store, and what one more is told."""
    path = f"/orchestration/workflows/{run_id}/events"
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(each.client(place)) for each in groups]
        tasks = [
            asyncio.create_task(admitted(client, path))
            for client in clients
            for _ in range(console.limits.streams)
        ]
        refused = [await full(client, path) for client in clients]
        for number in range(HAPPENINGS):
            await asyncio.to_thread(happen, console, run_id, number)
        threads = asking()
        await asyncio.to_thread(console.engine.cancel, run_id)
        found = [numbers(each) for each in await asyncio.gather(*tasks)]
    return found, threads, max(refused)


async def admitted(client: httpx.AsyncClient, path: str) -> list[Event]:
    """What one of the crowd is told, who comes again while one who only looks has his place."""
    found: list[Event] = []
    while not found:
        found = await heard(client, path)
    return found


async def full(client: httpx.AsyncClient, path: str) -> int:
    """What is said to one who comes when all the others are there."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with client.stream("GET", path) as answer:
                if answer.status_code != 200:
                    return answer.status_code
            await asyncio.sleep(0.1)


def asking() -> int:
    """How many threads ask the store for streams."""
    return sum(each.name == "broadcast" for each in threading.enumerate())


def happen(console: Console, run_id: str, number: int) -> None:
    """Let something happen to a run."""
    console.opened.store.write(
        lambda s: events.add(s, run_id, console.clock.now(), "test", detail=str(number))
    )
