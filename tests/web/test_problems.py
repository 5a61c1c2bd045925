"""Errors are problems that say what to do, and tell nothing of our code."""

import pytest

from orchestration.web.console import Console
from orchestration.web.guard import SECURITY
from tests.web.browsing import Browser


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
    plain = http.post("/orchestration/commands", content=b'{"command": "job"}')
    assert "application/json" in plain.json()["detail"]


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
