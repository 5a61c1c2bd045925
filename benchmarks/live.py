"""`python -m benchmarks.live`: how soon a step's progress is in a browser after its agent told it.

A hundred workflows run in one process and tell their progress with the time of day as their
message; another process serves the console. Fifty clients listen to a run each, as the page of a
run does; then fifty pages of a real browser show a run each. Everything is on one machine, so there
is one clock. A page is loaded again while it is shown, which its server and the browser have to do
beside the streams.
"""

import argparse
import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright
from pydantic import BaseModel

from orchestration import Agent, App, Context, Step, Workflow, settings
from orchestration.client import Client
from orchestration.runtime.embedded import embedded
from orchestration.runtime.watch import Watch
from orchestration.store import outcomes
from orchestration.web.console import opened_console
from orchestration.web.serving import bound, listening
from tests.acceptance.chromium import ARGUMENTS, chromium

RUNS, LISTENERS, IN_A_PROFILE = 100, 50, 5
PATIENCE_S, SETTLE_S = 60.0, 5.0
WATCH_S = """
() => { window.late = []; const seen = new Set();
  const look = () => { for (const each of document.querySelectorAll("[data-said]")) {
    const at = Number(each.textContent.split("·").pop());
    if (at && !seen.has(at)) { seen.add(at); window.late.push(Date.now() / 1000 - at); } } };
  look(); window.late = [];
  new MutationObserver(look).observe(
    document.body, { subtree: true, childList: true, characterData: true }); }
"""


class Pace(BaseModel):
    """How long a run lasts, and how often it reports progress."""

    seconds: float = 60.0
    every: float = 1.0


def tick(context: Context) -> None:
    """Report the time of day until the run's time is over."""
    pace = context.parameters
    if not isinstance(pace, Pace):
        raise TypeError("of this workflow only")
    begin = time.monotonic()
    while (spent := time.monotonic() - begin) < pace.seconds and not context.cancelled:
        context.progress(spent / pace.seconds, f"{time.time():.6f}")  # noqa: TID251 - measured
        time.sleep(pace.every)


app = App(
    agents=[Agent("ticker", actions={"tick": tick})],
    workflows=[Workflow("ticking", parameters=Pace, steps=[Step("telling", "ticker", "tick")])],
)


def fleet() -> None:
    """Work for all runs, in this process, until it is ended."""
    with embedded(app, settings.load(), threads=RUNS + 4) as host, Watch(host.running.engine):
        sys.stdin.read()


def web(port: int) -> None:
    """Serve the console, in this process, until it is ended."""
    with (
        opened_console(app, settings.load()) as console,
        listening(console, bound("127.0.0.1", port)) as url,
    ):
        print(url, flush=True)
        sys.stdin.read()


@contextmanager
def child(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Another process of this module."""
    command = [sys.executable, "-m", "benchmarks.live", *words]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def listen(client: httpx.AsyncClient, run_id: str, until: float, late: list[float]) -> None:
    """Listen to one run's stream as its page does, and note how late each report is."""
    seen = set[str]()
    async with client.stream("GET", f"/orchestration/workflows/{run_id}/events") as answer:
        async for line in answer.aiter_lines():
            now = time.time()  # noqa: TID251 - measured
            if time.monotonic() > until:
                return
            if not line.startswith("data: ") or '"branches"' not in line:
                continue
            for each in json.loads(line[6:])["branches"]:
                if each["message"] and each["message"] not in seen:
                    seen.add(each["message"])
                    late.append(now - float(each["message"]))


async def listen_all(url: str, ids: list[str], seconds: float) -> list[float]:
    """Listen with all clients at once, and return how late each report was."""
    late: list[float] = []
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=PATIENCE_S) as client:
        until = time.monotonic() + seconds
        await asyncio.gather(*(listen(client, run_id, until, late) for run_id in ids))
    return late


def look(url: str, ids: list[str], seconds: float) -> list[float]:
    """Show a run in each page of a real browser, and return how late each report was there.

    A browser opens six connections to one server: so many pages are those of several people.
    """
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        profiles = [browser.new_context() for _ in range(0, len(ids), IN_A_PROFILE)]
        pages = [profiles[number // IN_A_PROFILE].new_page() for number in range(len(ids))]
        for page, run_id in zip(pages, ids, strict=True):
            page.goto(f"{url}workflows/{run_id}")
        pages[0].wait_for_timeout(SETTLE_S * 1000)
        for page in pages:
            page.evaluate(WATCH_S)
        pages[0].wait_for_timeout(seconds * 1000)
        late = [each for page in pages for each in page.evaluate("window.late")]
        browser.close()
    return late


def started(every: float, seconds: float) -> list[str]:
    """Start all runs, wait until each is at work, and return their ids."""
    with Client(app=app) as client:
        pace = {"seconds": seconds, "every": every}
        ids = [client.start("ticking", pace).workflow_id for _ in range(RUNS)]
        end = time.monotonic() + PATIENCE_S
        store = client.engine.store
        while len(store.read(lambda s: outcomes.running(s, RUNS)).get("ticker", [])) < RUNS:
            if time.monotonic() > end:
                raise TimeoutError("the runs did not begin")
            time.sleep(0.1)
    return ids


def show(name: str, late: list[float]) -> None:
    """One line."""
    p95 = sorted(late)[math.ceil(len(late) * 0.95) - 1]
    print(
        f"{name:26} {len(late):6} reports, p50 {statistics.median(late) * 1000:4.0f} ms,", end=" "
    )
    print(f"p95 {p95 * 1000:4.0f} ms, latest {max(late) * 1000:4.0f} ms")


def main() -> None:
    """Start everything, listen, print."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    words.add_argument("role", nargs="?", choices=["fleet", "web"])
    words.add_argument("--seconds", type=float, default=20.0)
    words.add_argument("--every", type=float, default=1.0, help="seconds between two reports (1)")
    given = words.parse_args()
    if given.role == "fleet":
        fleet()
        return
    if given.role == "web":
        web(0)
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ["ORCHESTRATION_HOME"] = str(Path(home))  # noqa: TID251 - as a shell would
        os.environ["MAX_CONCURRENT_WORKFLOWS"] = str(2 * RUNS)  # noqa: TID251 - as above
        with child("fleet"), child("web") as serving:
            url = serving.stdout.readline().strip() if serving.stdout else ""
            ids = started(given.every, given.seconds * 2 + 2 * PATIENCE_S)
            late = asyncio.run(listen_all(url, ids[:LISTENERS], given.seconds))
            show(f"{LISTENERS} streams", late)
            show(f"{LISTENERS} pages of a browser", look(url, ids[:LISTENERS], given.seconds))


if __name__ == "__main__":
    main()
