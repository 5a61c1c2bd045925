"""Errors are problems that say what to do, and tell nothing of our code."""

import json
import re

import pytest

from orchestration.web.console import Console
from orchestration.web.guard import SECURITY
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN


def test_what_is_not_there_is_a_problem(http: Browser) -> None:
    answer = http.get("/nowhere")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank", "title": "Not Found", "status": 404,
        "detail": "nothing is at this address: /docs lists everything that there is",
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"{", b'"text"', b"{'command': 'job'}", b"[1]"])
def test_what_is_no_json_object_is_told_what_to_send(http: Browser, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = http.post("/orchestration/commands", content=body, headers=headers)
    assert answer.status_code == 422
    assert "send a JSON object" in answer.json()["detail"]


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
@pytest.mark.parametrize("path", ["commands", "emergency/stop", "workflows/x/cancel"])
def test_what_is_not_sent_as_json_is_told_how_to_send_it(
    http: Browser, path: str, kind: str | None
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = http.post(f"/orchestration/{path}", content=b'{"reason": "x"}', headers=headers)
    assert answer.status_code == 415
    said = answer.json()["detail"]
    assert said.startswith(f"body: {kind or 'of no kind'} is not read here; send a JSON object")
    assert said.endswith("with `Content-Type: application/json`")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/vnd.x+JSON"])
def test_every_kind_of_json_is_read(http: Browser, kind: str) -> None:
    headers, body = {"Content-Type": kind}, b'{"command": "job"}'
    assert http.post("/orchestration/commands", content=body, headers=headers).status_code == 202


def test_what_needs_a_body_shows_one_where_nothing_was_sent(http: Browser) -> None:
    stop = http.post("/orchestration/emergency/stop")
    assert stop.status_code == 422
    assert stop.json()["detail"] == (
        "body: nothing was sent; send a JSON object, with `Content-Type: application/json`,"
        ' such as {"reason": "wrong prices"}'
    )
    for path in ("commands", "schedules", "tokens", "bulk/workflows", "bulk/dead-letters"):
        detail = http.post(f"/orchestration/{path}").json()["detail"]
        example = json.loads(detail.partition("such as ")[2])
        assert http.post(f"/orchestration/{path}", json=example).status_code not in (415, 422)


def test_null_is_not_told_as_nothing(http: Browser) -> None:
    headers = {"Content-Type": "application/json"}
    answer = http.post("/orchestration/emergency/stop", content=b"null", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(
        "body: this is not what is read here; send a JSON object"
    )


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain"])
def test_every_change_that_needs_no_body_works_without_one(
    closed: Browser, kind: str | None
) -> None:
    """Also where a program states the kind of an empty body, as `curl -d ''` does."""
    headers = {"Authorization": f"Bearer {TOKEN}"} | ({"Content-Type": kind} if kind else {})
    needing = set()
    for path, operations in closed.get("/openapi.json", headers=headers).json()["paths"].items():
        if "post" not in operations:
            continue
        if operations["post"].get("requestBody", {}).get("required"):
            needing.add(path.removeprefix("/orchestration/"))
            continue
        answer = closed.post(re.sub(r"{\w+}", "7", path), content=b"", headers=headers)
        assert answer.status_code != 415, path
        assert "body" not in answer.json().get("detail", ""), path
    assert needing == {
        "bulk/dead-letters",
        "bulk/workflows",
        "commands",
        "emergency/stop",
        "schedules",
        "tokens",
    }


def test_who_is_asking_comes_before_what_was_sent(closed: Browser) -> None:
    assert closed.post("/orchestration/commands", data={"command": "job"}).status_code == 401


def test_an_unknown_parameter_is_told_with_those_that_there_are(http: Browser) -> None:
    body = {"command": "job", "parameters": {"item": 1}}
    detail = http.post("/orchestration/commands", json=body).json()["detail"]
    assert "unknown parameter 'item'; this workflow takes: " in detail
    assert "items" in detail


def test_a_bug_shows_no_trace(
    http: Browser, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    del console
    monkeypatch.setattr("orchestration.web.api.status.FleetView", None)
    answer = http.get("/orchestration/status")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "NoneType" not in answer.text
    assert "bug" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/docs", "/nowhere", "/orchestration/status", "/health/live"])
def test_every_answer_has_its_security_headers(http: Browser, path: str) -> None:
    answer = http.get(path)
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_the_reference_asks_no_other_site(http: Browser) -> None:
    page = http.get("/docs").text
    assert "://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert f"/docs/files/{name}" in page
        assert http.get(f"/docs/files/{name}").status_code == 200
    assert http.get("/docs/start.js").status_code == 200
    assert http.get("/docs/files/../../pyproject.toml").status_code == 404
