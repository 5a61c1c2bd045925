"""The console in a real browser, over a real fleet, with nothing to reach but this machine."""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Playwright, Route, expect, sync_playwright

from orchestration.clock import SystemClock
from orchestration.store import dead_letters, events
from orchestration.store.connect import open_store
from orchestration.store.dead_letters import DeadLetter
from tests.acceptance.chromium import ARGUMENTS, chromium
from tests.acceptance.processes import Workplace, processes_in
from tests.actors.stub_vendors import lively
from tests.actors.stub_vendors import serving as vendors_serving
from tests.eventually import eventually

HEARD = """
window.heard = []; window.streams = [];
window.EventSource = class extends EventSource {
  constructor(...given) { super(...given); streams.push(this);
    this.addEventListener("message", (each) => heard.push(Number(each.lastEventId))); } };
"""
HIDE = """
() => { window.unseen = true; Object.defineProperty(document, "hidden", { get: () => unseen });
  document.dispatchEvent(new Event("visibilitychange"));
  if (streams.at(-1).readyState !== EventSource.CLOSED) throw new Error("it holds a stream"); }
"""
SHOW = '() => { unseen = false; document.dispatchEvent(new Event("visibilitychange")); }'
BREAK = "() => streams.at(-1).close()"  # as a server does that ends a stream, or refuses one
WITHIN_MS = 90_000
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 860}
LOOPBACK = re.compile(r"^(http://127\.0\.0\.1:\d+|data:|blob:)")
VIEWS = ("/", "/start", "/start/validate_algorithms", "/workflows", "/approvals", "/failures",
         "/agents", "/queues", "/dead-letters", "/schedules", "/schedules/new/health_check",
         "/configuration", "/audit", "/emergency", "/tokens", "/login")  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


@dataclass
class Site:
    """A console, and a tab of a browser that shows it.

    Attributes:
        elsewhere: Every address that was asked for and is not this machine's.
        complaints: Whatever the browser complained of, a violated policy among it.
    """

    url: str
    home: Path
    page: Page
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Another view."""
        self.page.goto(self.url + path)
        return self.page

    def start(self, command: str, **filled: str) -> str:
        """Start a command by its form; the run's id."""
        page = self.open(f"/start/{command}")
        for name, text in filled.items():
            page.fill(f'[name="p.{name}"]', text)
        page.click(f"text=Start {command} >> visible=true")
        page.wait_for_url("**/workflows/*")
        return page.locator("h1").inner_text()

    def post(self, path: str, body: Any) -> Any:
        """Have something done that this page does not do; what is told of it."""
        answer = httpx.post(f"{self.url}/orchestration/{path}", json=body, timeout=30)
        return answer.raise_for_status().json()

    def start_beside(self, command: str) -> str:
        """Start a command elsewhere; the run's id."""
        told: dict[str, str] = self.post("commands", {"command": command, "parameters": {}})
        return told["workflow_id"]

    def guard(self, route: Route) -> None:
        """Let nothing out."""
        url = route.request.url
        if LOOPBACK.match(url):
            route.continue_()
        else:
            self.elsewhere.append(url)
            route.abort()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A whole fleet in a process of its own, whose markets are stubs of this one."""
    home = tmp_path_factory.mktemp("console")
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with vendors_serving() as stub, processes_in(home / "logs") as processes:
        stub.bar = lively
        more = {
            "PORT": f"{port}",
            "POLYGON_URL": stub.url,
            "POLYGON_API_KEY": "polygon-key-0123",
            "YAHOO_URL": stub.url,
        }
        workplace = Workplace(home / "home", more=more)
        process = processes.start(workplace, sys.executable, "-m", "orchestration", "serve")
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert process.ended is None, process.output
            try:
                return httpx.get(f"{url}/health/live", timeout=2).status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, within=30)
        yield url, home / "home"


@pytest.fixture(scope="module")
def tools() -> Iterator[Playwright]:
    if chromium() is None:
        missing = "there is no chromium here: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as found:
        yield found


@pytest.fixture
def site(tools: Playwright, served: tuple[str, Path]) -> Iterator[Site]:
    url, home = served
    browser = tools.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(WITHIN_MS)
    expect.set_options(timeout=WITHIN_MS)
    found = Site(url, home, page)
    context.route("**/*", found.guard)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("console", lambda m: found.complaints.append(m.text) if m.type == "error" else None)
    yield found
    browser.close()
    assert not found.elsewhere
    assert not found.complaints


def test_a_run_is_started_watched_and_read(site: Site) -> None:
    site.start("validate_algorithms", optimization_iterations="800", validation_period="1Y")
    page = site.page
    page.evaluate("window.sameDocument = true")
    seen = set[float]()

    def moved() -> bool:
        seen.add(float(page.get_attribute("#run-progress", "value") or 0))
        seen.add(float(page.evaluate("document.querySelector('#run-progress').value")))
        return len(seen) > 3

    eventually(moved, within=60)
    expect(page.locator("[data-part=state] .pill")).to_have_text("completed")
    expect(page.locator("#run-share")).to_have_text("100 %")
    expect(page.locator(".gantt .lane strong")).to_have_count(6)
    expect(page.locator(".gantt .bar.completed")).to_have_count(6)
    expect(page.locator("figure .curve")).not_to_have_count(0)
    expect(page.locator(".graph .completed")).to_have_count(5)
    assert page.evaluate("window.sameDocument")


def test_an_approval_is_shown_what_it_changes_and_given(site: Site) -> None:
    site.start("integrate_real_data", symbols="AAPL")
    page = site.page
    approval = page.locator("#approval")
    expect(approval).to_contain_text("trading_mode")
    expect(page.locator("#why")).to_contain_text("waits for an approval")
    page.fill("#approval input[name=reason]", "the data are good")
    page.click("#approval button:has-text('Approve')")
    expect(page.locator("[data-part=state] .pill")).to_have_text("completed")
    site.open("/configuration")
    expect(page.locator("table").first).to_contain_text("live")
    site.open("/audit")
    expect(page.locator("tbody")).to_contain_text("the data are good")


def test_a_run_is_cancelled(site: Site) -> None:
    site.start("validate_algorithms", optimization_iterations="10000", validation_period="2Y")
    page = site.page
    page.click("#ask-cancel summary")
    page.fill("#ask-cancel input[name=reason]", "not now")
    page.click("#ask-cancel form button")
    expect(page.locator("[data-part=state] .pill")).to_have_text("cancelled")
    expect(page.locator("#why")).to_contain_text("not now")


def test_a_dead_letter_is_replayed(site: Site) -> None:
    body = {
        "id": "m-1", "message_type": "command", "sender": "management_agent",
        "recipient": "orchestration_agent", "payload": {"command_type": "status_report"},
    }  # fmt: skip
    letter = DeadLetter(
        reason="overloaded", detail="too many were pending", sender="management_agent",
        routing_key="orchestration.command", body=json.dumps(body).encode(),
    )  # fmt: skip
    opened = open_store(f"sqlite:///{site.home / 'orchestration.db'}", create=False)
    opened.store.write(lambda s: dead_letters.add(s, letter, SystemClock().now()))
    opened.store.close()
    page = site.open("/dead-letters")
    page.click("text=too many were pending")
    page.check("tbody input[name=id]")
    page.click("text=Replay marked")
    expect(page.locator("h1")).to_contain_text("1 message handled again")
    site.open("/workflows?command=status_report")
    expect(page.locator("td.run")).to_have_count(1)


def test_it_is_used_by_keys_and_in_the_dark(site: Site) -> None:
    page = site.open("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/workflows")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.wait_for_load_state()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_single_keys_are_turned_off_and_stay_so(site: Site) -> None:
    page = site.open("/")
    page.click("[data-keys]")
    page.uncheck("[data-keys-on]")
    page.click("#keys button")
    page = site.open("/workflows")
    for key in ("j", "?", "/", "t"):
        page.keyboard.press(key)
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("#q")).not_to_be_focused()
    assert page.get_attribute("html", "data-theme") is None
    page.click("[data-keys]")
    page.check("[data-keys-on]")
    page.click("#keys button")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()


def test_a_form_that_is_refused_has_the_focus_on_what_is_wrong(site: Site) -> None:
    page = site.open("/start/validate_algorithms")
    page.fill('[name="p.validation_period"]', "a while")
    page.click("text=Start validate_algorithms >> visible=true")
    expect(page.locator("#refused")).to_be_focused()
    page.click("#refused a")
    field = page.locator('[name="p.validation_period"]')
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("D, W, M or Y.*6M", re.DOTALL))
    site.complaints = [each for each in site.complaints if "422" not in each]


def test_a_page_that_was_away_hears_each_event_once(site: Site) -> None:
    """Nobody sees it for a while: it holds no stream then, and goes on where it was."""
    page = site.page
    page.add_init_script(HEARD)
    run_id = site.start("integrate_real_data", symbols="AAPL")
    expect(page.locator("#why")).to_contain_text("waits for an approval")
    for away, back in ((HIDE, SHOW), (BREAK, "null")):
        page.evaluate(away)
        for verb in ("pause", "resume"):
            site.post(f"workflows/{run_id}/{verb}", {"reason": "look"})
        page.evaluate(back)
        for verb in ("pause", "resume"):
            site.post(f"workflows/{run_id}/{verb}", {"reason": "look"})
    opened = open_store(f"sqlite:///{site.home / 'orchestration.db'}", create=False)
    written = [row.id for row in opened.store.read(lambda s: events.after(s, 0, 1_000, run_id))]
    opened.store.close()
    eventually(lambda: page.evaluate("heard.at(-1)") == written[-1], within=20)
    heard = page.evaluate("heard")
    assert heard == written[written.index(heard[0]) :]
    assert len(heard) >= 8


def test_an_open_page_learns_of_a_stop_and_says_when_it_learns_nothing(site: Site) -> None:
    """Though a row of it has the focus."""
    run_id = site.start("health_check")
    page = site.open("/workflows")
    page.evaluate("window.sameDocument = true")
    page.keyboard.press("j")
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    again = site.start_beside("health_check")
    expect(page.locator(f"a[href='/workflows/{again}']")).to_be_visible()
    assert page.evaluate("document.activeElement.getAttribute('href')") == focused
    assert run_id in focused
    site.post("emergency/stop", {"reason": "fire"})
    expect(page.locator(".stopped")).to_contain_text("fire")
    site.post("emergency/release", None)
    expect(page.locator(".stopped")).to_have_count(0)
    page.route("**/workflows", lambda route: route.abort())
    expect(page.locator("#stale")).to_contain_text("Not up to date since")
    page.unroute("**/workflows")
    expect(page.locator("#stale")).to_be_empty()
    assert page.evaluate("window.sameDocument")
    site.complaints = [each for each in site.complaints if "ERR_FAILED" not in each]


def test_nothing_is_wider_than_a_small_screen(site: Site) -> None:
    run_id = site.start("health_check")
    page = site.page
    expect(page.locator("[data-part=state] .pill")).to_have_text("completed")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.click(".menu")
    drawer = page.locator("#drawer")
    expect(drawer.locator("a").last).to_be_visible()
    assert drawer.evaluate("each => each.scrollWidth <= each.clientWidth")
    page.click("#drawer a:has-text('Agents')")
    page.wait_for_url("**/agents")
    expect(drawer).to_be_hidden()
    wide = []
    for view in (*VIEWS, f"/workflows/{run_id}", f"/workflows/{run_id}/fork"):
        site.open(view)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(view)
    assert not wide
