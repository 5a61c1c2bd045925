"""Texts that PostgreSQL does not take, such as a NUL: no request fails at one."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from orchestration.store import audit, stops
from orchestration.web.api.cursors import cursor_of
from orchestration.web.console import Console
from tests import databases
from tests.web.browsing import Browser

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
RUNS = "/orchestration/workflows"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with databases.schema() as url:
        yield url


@pytest.fixture
def environ(quick_path: Path, address: str) -> dict[str, str]:
    return {
        "ORCHESTRATION_HOME": str(quick_path),
        "ORCHESTRATION_APP": "tests.cli.sample",
        "DATABASE_URL": address,
    }


def sent(http: Browser, path: str, **fields: str) -> int:
    """The answer to a form that a person filled in."""
    page = http.get("/emergency", headers=HTML).text
    (token,) = set(re.findall(r'name="csrf_token" value="([^"]+)"', page))
    body = urlencode({"csrf_token": token, **fields})
    return http.post(path, content=body, headers=FORM | HTML).status_code


def test_an_emergency_stop_happens_whatever_its_reason_holds(
    http: Browser, console: Console
) -> None:
    assert sent(http, "/emergency/stop", reason="it\0 burns") == 303
    assert console.read(stops.is_stopped)
    assert console.read(lambda s: audit.newest(s, 1))[0].actor.endswith(": it burns")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/schedules/pause", "name"),
        ("/agents/pause", "agent"),
        ("/workflows/bulk", "id"),
        ("/workflows/bulk?q=a%00", "reason"),
        ("/workflows/nothing/cancel", "reason"),
        ("/failures/retry", "command"),
        ("/start/shaky", "name"),
        ("/schedules/new/shaky", "cron"),
        ("/tokens/add", "name"),
    ],
)
def test_no_form_fails_at_it(http: Browser, path: str, field: str) -> None:
    verb = {"verb": "cancel"} if "bulk" in path else {}
    assert sent(http, path, **{field: "a\0b"}, **verb) < 500


@pytest.mark.parametrize(
    "path",
    ["/workflows/a%00b", "/workflows/a%00b/fork", "/start/a%00b", "/orchestration/workflows/a%00b"],
)
def test_nothing_has_a_name_with_it(http: Browser, path: str) -> None:
    assert http.get(path, headers=HTML).status_code in {404, 422}


def test_no_change_is_made_to_what_has_it_in_its_name(http: Browser) -> None:
    assert sent(http, "/workflows/a%00b/approve", step="\0", shown="x") == 404


@pytest.mark.parametrize(
    "query",
    [
        "/workflows?q=a%00b",
        "/workflows?command=a%00b",
        "/workflows?after=1~a%00b",
        "/dead-letters?reason=a%00b",
        "/configuration?name=a%00b",
        "/audit?q=a%00b",
    ],
)
def test_no_filter_fails_at_it(http: Browser, query: str) -> None:
    assert http.get(query, headers=HTML).status_code == 200


@pytest.mark.parametrize(
    "place",
    [
        (10**330, "run_1"),
        (float("nan"), "run_1"),
        (float("inf"), "run_1"),
        (1.0, "a\0b"),
        (1.0, "\ud800"),
    ],
)
def test_a_cursor_that_leads_nowhere_is_not_found(http: Browser, place: tuple[float, str]) -> None:
    assert http.get(RUNS, params={"cursor": cursor_of(*place)}).status_code == 404


@pytest.mark.parametrize("after", ["nan~x", "inf~x", "-1e999~x", f"1{'0' * 400}~x"])
def test_a_page_after_no_moment_is_the_first_one(http: Browser, after: str) -> None:
    assert http.get(f"/workflows?after={after}", headers=HTML).status_code == 200
