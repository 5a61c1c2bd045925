"""What others may try: forged requests, bodies and clients that do harm, guesses, foreign paths."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request, Response

from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.errors import ConfigurationError
from orchestration.settings import load
from orchestration.web import csrf, guard, pages
from orchestration.web.authentication import Operator, authenticator_of
from orchestration.web.console import Console
from orchestration.web.limits import Buckets, Limits
from orchestration.web.serving import bound, require_token
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse
from tests.web.streaming import served

START = {"json": {"command": "job", "parameters": {}}}
COMMANDS = "/orchestration/commands"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATIENCE_S = 20.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 - never bound here


@pytest.fixture
def pages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with a form, a way in and a way out, as the console has them."""
    router = APIRouter(include_in_schema=False)

    @router.get("/test/form")
    def form(request: Request, response: Response) -> dict[str, str]:
        return {"token": csrf.token_of(request, response)}

    @router.post("/test/form")
    def act(actor: Operator) -> dict[str, str]:
        return {"by": actor.name}

    @router.post("/test/login")
    def log_in(request: Request, response: Response) -> None:
        cookie = authenticator_of(request).log_in(request.headers["x-token"], "192.0.2.7")
        csrf.set_cookie(request, response, csrf.SESSION_COOKIE, cookie)

    @router.post("/test/logout")
    def log_out(request: Request) -> None:
        authenticator_of(request).log_out(request.cookies[csrf.SESSION_COOKIE])

    monkeypatch.setattr(pages, "router", router)


def post_form(http: Browser, **fields: str) -> int:
    return http.post("/test/form", data=fields or {"x": "1"}).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://["},
        {"Origin": "//localhost:8080"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_cannot_have_a_browser_change_anything(
    http: Browser, headers: dict[str, str]
) -> None:
    answer = http.post(COMMANDS, headers=headers, **START)
    assert answer.status_code == 403
    assert http.get("/orchestration/workflows").json()["items"] == []
    own = {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
    assert http.post(COMMANDS, headers=own, **START).status_code == 202


@pytest.mark.usefixtures("pages_too")
def test_a_form_needs_the_token_of_its_page(browse: Browse) -> None:
    http = browse()
    assert post_form(http) == 403
    token = http.get("/test/form").json()["token"]
    assert post_form(http, csrf_token=token) == 200
    assert post_form(http, csrf_token=token[:-1]) == 403
    assert post_form(http, csrf_token=f"é{token}") == 403
    assert http.post("/test/form", headers={"X-CSRF-Token": token, **FORM}).status_code == 200
    assert post_form(browse(), csrf_token=token) == 403, "a token of somebody else's page"


@pytest.mark.usefixtures("pages_too")
def test_a_session_changes_nothing_without_its_csrf_token(
    browse: Browse, environ: dict[str, str]
) -> None:
    http = elsewhere(browse, environ)
    assert http.post("/test/login", headers={"X-Token": "wrong"}).status_code == 401
    answer = http.post("/test/login", headers={"X-Token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in cookie
    assert http.get("/orchestration/whoami").json() == {"name": "environment", "role": "admin"}
    assert http.post(COMMANDS, **START).status_code == 403
    token = http.get("/test/form").json()["token"]
    assert http.post(COMMANDS, headers={"X-CSRF-Token": token}, **START).status_code == 202
    http.post("/test/logout")
    assert http.get("/orchestration/whoami").status_code == 401


@pytest.mark.usefixtures("pages_too")
@pytest.mark.parametrize("login", ["Basic YW5uOnNlc2FtZQ==", "Bearer", "Bearer ", "Negotiate x"])
def test_a_login_at_a_proxy_stands_for_no_csrf_token(
    browse: Browse, environ: dict[str, str], login: str
) -> None:
    http = elsewhere(browse, environ)
    http.post("/test/login", headers={"X-Token": TOKEN})
    proxied = {"Authorization": login}
    assert http.get("/orchestration/whoami", headers=proxied).json()["name"] == "environment"
    assert http.post(COMMANDS, headers=proxied, **START).status_code == 403
    assert http.post("/test/form", data={"x": "1"}, headers=proxied).status_code == 403
    token = http.get("/test/form").json()["token"]
    allowed = {"X-CSRF-Token": token, **proxied}
    assert http.post(COMMANDS, headers=allowed, **START).status_code == 202


@pytest.mark.usefixtures("pages_too")
def test_a_session_ends_with_its_token(
    browse: Browse, environ: dict[str, str], console: Console
) -> None:
    token = tokens.add(console.engine, "alice", Role.VIEWER, By("admin"))
    http = elsewhere(browse, environ)
    http.post("/test/login", headers={"X-Token": token})
    assert http.get("/orchestration/whoami").json()["name"] == "alice"
    rows = console.read(lambda s: s.all("SELECT * FROM sessions"))
    assert http.cookies[csrf.SESSION_COOKIE] not in str(rows)
    tokens.revoke(console.engine, "alice", By("admin"))
    assert http.get("/orchestration/whoami").status_code == 401


@pytest.mark.usefixtures("pages_too")
def test_behind_tls_cookies_are_for_tls_alone(browse: Browse) -> None:
    http = browse()
    plain = http.get("/test/form").headers["set-cookie"]
    assert "Secure" not in plain
    proxied = browse().get("/test/form", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in proxied.headers["set-cookie"]


@pytest.mark.usefixtures("pages_too")
def test_guessing_at_the_login_ends_too(browse: Browse, environ: dict[str, str]) -> None:
    http = elsewhere(browse, environ)
    guesses = [{"X-Token": f"guess{n}"} for n in range(12)]
    codes = [http.post("/test/login", headers=each).status_code for each in guesses]
    assert codes == [401] * 10 + [429] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/docs/files/../../../pyproject.toml",
        "/docs/files/%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/docs/files/..%5c..%5cpyproject.toml",
        "/docs/files//etc/passwd",
        "/orchestration/workflows/..%2f..%2fetc%2fpasswd",
        "/orchestration/workflows/x/artifacts/..%2f..%2fetc%2fpasswd",
        "/orchestration/dead-letters/..%2f1",
    ],
)
def test_no_path_leads_out(http: Browser, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code in {404, 422}
    assert "root:" not in answer.text


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(http: Browser) -> None:
    large = b" " * (Limits().body + 1)
    assert http.post(COMMANDS, content=large).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (large[:65_536] for _ in range(17))

    async def slowly() -> Any:
        for piece in pieces():
            yield piece

    assert http.post(COMMANDS, content=slowly()).status_code == 413
    for length in (b"-1", b"1e9", b"9" * 30, "²".encode("latin-1")):
        headers = {b"Content-Length": length}
        assert http.post(COMMANDS, headers=headers, content=b"").status_code == 413


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"NaN", b'"x"', b"{" * 5_000, b"[" * 90_000])
def test_a_body_that_is_nonsense_is_refused_in_words(http: Browser, body: bytes) -> None:
    answer = http.post(COMMANDS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_too_many_requests_are_refused_for_a_while(browse: Browse, console: Console) -> None:
    http = browse(limits=replace(console.limits, rate=0.1, burst=3.0))
    codes = [http.get("/orchestration/whoami").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert http.get("/health/live").status_code == 200


def test_a_bucket_fills_up_and_forgets_who_has_not_come_for_long() -> None:
    now = [0.0]
    buckets = Buckets(1.0, 2.0, lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]
    now[0] += 0.5
    assert buckets.wait("a") == pytest.approx(0.5)
    now[0] += 10
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]


def test_a_client_that_is_slow_to_ask_is_left(console: Console) -> None:
    """The head, and then the body, of a request do not come."""
    limits = replace(console.limits, head_s=0.2, body_s=0.2)
    with served(replace(console, limits=limits)) as place:
        with talking(place, b"GET / HTTP/1.1\r\nHost: ") as answer:
            assert answer == b""
        head = b"POST /orchestration/commands HTTP/1.1\r\nHost: localhost\r\n"
        head += b"Content-Length: 9\r\n\r\n{"
        with talking(place, head) as answer:
            assert b" 408 " in answer.splitlines()[0]


def test_a_client_that_is_slow_to_read_is_left(console: Console) -> None:
    limits = replace(console.limits, send_s=0.2)
    path = "/docs/files/swagger-ui-bundle.js"
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with served(replace(console, limits=limits)) as place:
        whole = len(httpx.get(place + path).content)
        host, _, port = place.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), PATIENCE_S) as slow:
            slow.sendall(request * 20)
            time.sleep(4 * limits.send_s)  # slow is what it is about
            read = 0
            try:
                while piece := slow.recv(1 << 20):
                    read += len(piece)
            except ConnectionError:
                pass
        assert read < 20 * whole


@contextmanager
def talking(place: str, text: bytes) -> Iterator[bytes]:
    """Send something and no more; yields what the server answers before it hangs up."""
    host, _, port = place.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
        connection.sendall(text)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
            if b"\r\n\r\n" in answer:
                break
        yield answer


@pytest.mark.parametrize("host", [EVERYWHERE, "192.0.2.7", "::", "example.com"])
def test_what_others_can_reach_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="ORCHESTRATION_API_TOKEN"):
        require_token(load({"ORCHESTRATION_HOST": host if ":" not in host else f"[{host}]"}))
    with pytest.raises(ConfigurationError, match="ORCHESTRATION_API_TOKEN"):
        require_token(load({"PORT": "8080"}))
    require_token(load({"ORCHESTRATION_HOST": EVERYWHERE, "ORCHESTRATION_API_TOKEN": TOKEN}))
    require_token(load({}))


def test_a_token_that_is_easily_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        load({"ORCHESTRATION_API_TOKEN": "secret"})


def test_a_port_that_somebody_has_is_named() -> None:
    with bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} .the port is taken.*PORT"):
            bound("127.0.0.1", port)


def test_the_policy_of_pages_lets_nothing_in_from_elsewhere() -> None:
    rules = dict(part.strip().split(" ", 1) for part in guard.CSP.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "*" not in guard.CSP
    assert "unsafe" not in guard.CSP


def elsewhere(browse: Browse, environ: dict[str, str]) -> Browser:
    """A browser of another machine."""
    found = load({**environ, "ORCHESTRATION_API_TOKEN": TOKEN})
    return browse(
        settings=found, client=("192.0.2.7", 50_000), base_url="http://console.example.com"
    )
