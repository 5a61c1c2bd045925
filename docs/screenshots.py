"""Every view of the console, light and dark, as `make screenshots` draws them into a directory.

A fleet of AMC-TRADER's agents works for real in this process, with vendors that stand in for the
markets; what happened before today is written into its store. The browser reaches this machine
alone.
"""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.history import fill
from orchestration import settings
from orchestration.cli.web import beside
from orchestration.client import Client
from orchestration.clock import SystemClock
from orchestration.engine import By
from orchestration.hosting import load_app
from orchestration.ports import Session
from orchestration.runtime.host import Host
from orchestration.runtime.serving import serving
from orchestration.state import RunStatus
from orchestration.store import dead_letters, samples, schedules
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.samples import Sample
from orchestration.store.schedules import ScheduleRow
from tests.acceptance.chromium import ARGUMENTS, chromium
from tests.actors.stub_vendors import StubVendors, lively
from tests.actors.stub_vendors import serving as vendors_serving

DIRECTORY = Path(__file__).parent / "screenshots"
DAY, HOUR = timedelta(hours=24), timedelta(hours=1)
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 400, "height": 860}
COLOURS = 128
PATIENCE_S = 90.0
OPTIMISING = 0.61


@contextmanager
def fleet(home: Path, stub: StubVendors) -> Iterator[tuple[Host, str]]:
    """A fleet at work, and where its console is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= {  # noqa: TID251 - as the shell of a fleet would set it
        "ORCHESTRATION_HOME": str(home),
        "PORT": str(port),
        "POLYGON_URL": stub.url,
        "POLYGON_API_KEY": "polygon-key-0123",
        "YAHOO_URL": stub.url,
        "MAX_CONCURRENT_WORKFLOWS": "8",
        "LOG_LEVEL": "ERROR",
    }
    found = settings.load()
    app = load_app("actors")
    with serving(app, found) as host, beside(host, app, found) as line:
        address = next(word for word in line.split() if word.startswith("http")).rstrip("/;")
        yield host, address


def furnish(host: Host) -> dict[str, str]:
    """Let the fleet do something of everything; the ids of runs by what they show."""
    engine = host.running.engine
    engine.store.write(past)
    for hour in range(24):
        at = SystemClock().now() - timedelta(hours=23 - hour)
        fill(engine.store, 14 + abs(12 - hour) * 3 + hour % 5, at, HOUR, 800, seed=hour)
    with Client(sender="desk") as client:
        done = client.start("validate_algorithms", {"validation_period": "3Y"})
        real = client.start("integrate_real_data", {"symbols": ["AAPL", "MSFT"]})
        failed = client.start("discover", {"symbols": ["ZZZZ"]})
        client.start("health_check")
        for handle in (done, failed):
            until(lambda h=handle: h.phase().ended)  # type: ignore[misc]
        until(lambda: real.phase() is RunStatus.WAITING)
        busy = client.start(
            "validate_algorithms", {"optimization_iterations": 10_000, "validation_period": "2Y"}
        )
        until(lambda: busy.status()["progress"] > OPTIMISING)
        engine.pause_agents(["caching_performance_agent"], By("desk", "new disks"))
        engine.pause_agents(["data_validation_agent"], By("desk", "new prices at noon"))
        blocked = client.start("validate_algorithms", {"validation_period": "1Y"})
        until(lambda: blocked.phase() is RunStatus.RUNNING)
    return {
        "run": done.workflow_id,
        "approval": real.workflow_id,
        "waiting": blocked.workflow_id,
        "failed": failed.workflow_id,
        "live": busy.workflow_id,
    }


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, not for ever."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the fleet did not come so far")
        time.sleep(0.05)


def past(session: Session) -> None:
    """What was before: queues over a day, letters that nobody could use, a schedule."""
    now = SystemClock().now()
    start = (now - DAY).replace(second=0, microsecond=0)
    agents = ("backtesting_agent", "discovery_algorithm_agent", "data_validation_agent", "")
    for minute in range(0, 24 * 60, 5):
        at = start + timedelta(minutes=minute)
        busy = max(0, 9 - abs(minute - 600) // 40) + (minute // 60) % 3
        found = [Sample(n, at, busy * (k + 1) // 2, busy // 3) for k, n in enumerate(agents)]
        samples.add_all(session, found)
    for reason, body in (
        ("malformed", b'{"id": "7", "message_type": "command", "sender": "management_agent"'),
        ("command_rejected", b'{"id": "8", "payload": {"command_type": "restrat_discovery"}}'),
    ):
        letter = DeadLetter(
            reason=reason,
            detail="the body is no JSON: it ends too early"
            if b"}" not in body[-1:]
            else "no command restrat_discovery: restart_discovery_system, validate_algorithms, …",
            routing_key="orchestration.command",
            body=body,
            sender="management_agent",
            message_id="7",
        )
        dead_letters.add(session, letter, now - timedelta(hours=2))
    row = ScheduleRow(
        "before the bell", "validate_algorithms", "{}", "30 6 * * 1-5", "America/New_York", "skip",
        paused=False, next_at=now + timedelta(hours=9), last_run=None, created_at=now,
    )  # fmt: skip
    schedules.insert(session, row)


def views(runs: dict[str, str]) -> dict[str, str]:
    """Where each view is."""
    return {
        "overview": "/",
        "workflows": "/workflows",
        "run": f"/workflows/{runs['run']}",
        "live": f"/workflows/{runs['live']}",
        "waiting": f"/workflows/{runs['waiting']}",
        "approval": f"/workflows/{runs['approval']}",
        "failed": f"/workflows/{runs['failed']}",
        "start": "/start/validate_algorithms",
        "commands": "/start",
        "fork": f"/workflows/{runs['run']}/fork",
        "approvals": "/approvals",
        "failures": "/failures",
        "agents": "/agents",
        "queues": "/queues",
        "dead-letters": "/dead-letters",
        "dead-letter": "/dead-letters/1",
        "schedules": "/schedules",
        "configuration": "/configuration",
        "audit": "/audit",
        "emergency": "/emergency",
        "tokens": "/tokens",
        "login": "/login",
    }


def shoot(page: Page, address: str, found: dict[str, str], into: Path, suffix: str) -> None:
    """Draw every view once."""
    for name, path in found.items():
        page.goto(address + path, wait_until="load")
        target = into / f"{name}-{suffix}.png"
        page.screenshot(path=target, full_page=True)
        shrink(target)


def shrink(path: Path) -> None:
    """Keep a picture in few colours: pages have no more."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(into: Path) -> None:
    """Draw all views into a directory."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, vendors_serving() as stub:
        stub.bar = lively
        with fleet(Path(home), stub) as (host, address), sync_playwright() as tools:
            found = views(furnish(host))
            browser = tools.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport=WIDE, color_scheme=scheme)  # type: ignore[arg-type]
                shoot(context.new_page(), address, found, into, scheme)
                context.close()
            narrow = browser.new_context(viewport=NARROW, color_scheme="light")  # type: ignore[arg-type]
            few = {name: found[name] for name in ("overview", "run", "workflows", "agents")}
            shoot(narrow.new_page(), address, few, into, "narrow")
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY)
