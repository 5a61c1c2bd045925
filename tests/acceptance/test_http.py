"""The HTTP part as others meet it: by its own description, and by a crowd that listens."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from orchestration import settings
from orchestration.desk.starting import command_of
from orchestration.store import events
from orchestration.web.console import Console, opened_console
from orchestration.web.limits import Limits
from tests.cli.sample import app as sample
from tests.eventually import eventually
from tests.web.streaming import heard, numbers, served

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of the tests
CROWD = 100
HAPPENINGS = 20
SECONDS = 45
PATIENCE_S = 200
WHAT_NO_SCHEMA_SAYS = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "5xx"]
"""


@pytest.fixture
def closed(quick_path: Path) -> Iterator[Console]:
    """A console that needs a token, and lets a tester ask as often as he likes."""
    environ = {"ORCHESTRATION_HOME": str(quick_path), "ORCHESTRATION_API_TOKEN": TOKEN}
    limits = Limits(rate=1e6, burst=1e6, failures=10**6, stream_s=0.05, ping_s=0.02)
    with opened_console(sample, settings.load(environ)) as console:
        yield replace(console, limits=limits)


def test_schemathesis_finds_nothing(closed: Console, tmp_path: Path) -> None:
    """All checks, in all phases; a cron line, for one, is checked beyond what a schema says."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(WHAT_NO_SCHEMA_SAYS, "utf-8")
    command = Path(sys.executable).with_name("schemathesis")
    with served(closed) as place:
        found = subprocess.run(
            [
                *(command, "--config-file", config, "run", f"{place}/openapi.json"),
                *("-H", f"Authorization: Bearer {TOKEN}", "--checks", "all"),
                *("--max-time", str(SECONDS), "--warnings", "off", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert found.returncode == 0, found.stdout[-20_000:]


def test_hundreds_listen_at_once_and_one_thread_asks_for_all(quick_path: Path) -> None:
    environ = {"ORCHESTRATION_HOME": str(quick_path)}
    with opened_console(sample, settings.load(environ)) as opened:
        console = replace(opened, limits=Limits(rate=1e6, burst=1e6))
        run_id = console.engine.submit(command_of(console.app, "job", {}, "test"))
        path = f"/orchestration/workflows/{run_id}/events"
        with served(console) as place:
            told, threads = asyncio.run(crowd(console, place, path, run_id))
        written = [row.id for row in console.read(lambda s: events.after(s, 0, 1_000, run_id))]
    assert threads == 1
    assert len(told) == CROWD
    assert all(each == written for each in told)


async def crowd(
    console: Console, place: str, path: str, run_id: str
) -> tuple[list[list[int]], int]:
    """What each of many was told, and how many threads asked the store meanwhile."""
    bounds = httpx.Limits(max_connections=CROWD)
    async with httpx.AsyncClient(base_url=place, timeout=PATIENCE_S, limits=bounds) as client:
        tasks = [asyncio.create_task(heard(client, path)) for _ in range(CROWD)]
        await asyncio.to_thread(eventually, asking, within=PATIENCE_S, what="somebody listens")
        for number in range(HAPPENINGS):
            await asyncio.to_thread(happen, console, run_id, number)
        threads = asking()
        await asyncio.to_thread(console.engine.cancel, run_id)
        return [numbers(found) for found in await asyncio.gather(*tasks)], threads


def asking() -> int:
    """How many threads ask the store for streams."""
    return sum(each.name == "broadcast" for each in threading.enumerate())


def happen(console: Console, run_id: str, number: int) -> None:
    """Let something happen to a run."""
    console.opened.store.write(
        lambda s: events.add(s, run_id, console.clock.now(), "test", detail=str(number))
    )
