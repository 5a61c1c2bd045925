"""Who may come in: this machine without a token, others with one, and nobody by guessing."""

import socket

import pytest

from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse
from tests.web.streaming import served

STATUS = "/orchestration/status"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_this_machine_needs_no_token(http: Browser) -> None:
    assert http.get(STATUS).json()["transport"] is None


@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.com", "127.0.0.1.nip.io", ""])
def test_a_name_of_another_machine_is_refused_where_no_token_is_needed(
    http: Browser, host: str
) -> None:
    answer = http.get(STATUS, headers={"Host": host})
    assert answer.status_code == 421
    assert "ORCHESTRATION_API_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080"])
def test_every_name_of_this_machine_will_do(http: Browser, host: str) -> None:
    assert http.get(STATUS, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "name", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP"]
)
def test_what_comes_through_a_proxy_of_this_machine_is_not_from_it(
    http: Browser, name: str
) -> None:
    passed_on = {name: "192.0.2.1"}
    answer = http.get(STATUS, headers=passed_on)
    assert answer.status_code == 401
    assert f"a proxy on this machine ({name.lower()})" in answer.json()["detail"]
    assert "ORCHESTRATION_API_TOKEN=$(openssl rand -hex 32)" in answer.json()["detail"]
    page = {"Accept": "text/html", **passed_on}
    assert "a proxy on this machine" in http.get("/", headers=page, follow_redirects=True).text
    assert http.get("/health/ready", headers=passed_on).status_code == 200


def test_what_is_asked_in_http_1_0_comes_through_a_proxy_that_says_nothing(
    console: Console,
) -> None:
    """As nginx asks where its configuration has a `proxy_pass` and nothing else."""
    with served(console) as place:
        host = place.removeprefix("http://")
        for version, code in (("1.0", "401"), ("1.1", "200")):
            first = f"GET {STATUS} HTTP/{version}"
            answer = asked(host, first, f"Host: {host}", "Connection: close")
            assert answer.split()[1] == code
            assert ("a proxy on this machine (HTTP/1.0)" in answer) is (code == "401")


def asked(place: str, *head: str) -> str:
    """All that a server answers to a request."""
    host, _, port = place.partition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in (*head, "")).encode())
        with connection.makefile("rb") as answer:
            return answer.read().decode()


def test_a_token_opens_behind_a_proxy_though_none_is_needed_here(
    http: Browser, console: Console
) -> None:
    token = tokens.add(console.engine, "alice", Role.VIEWER, By("admin"))
    assert http.get(STATUS, headers={"Via": "1.1 x", **bearer(token)}).status_code == 200


def test_another_machine_needs_a_token(browse: Browse) -> None:
    assert browse(client=("192.0.2.7", 1)).get(STATUS).status_code == 401


def test_where_there_is_a_token_all_need_one(closed: Browser) -> None:
    answer = closed.get(STATUS)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert closed.get(STATUS, headers=bearer(TOKEN)).status_code == 200


def test_a_token_of_the_store_opens_until_it_is_revoked(closed: Browser, console: Console) -> None:
    token = tokens.add(console.engine, "alice", Role.VIEWER, By("admin"))
    assert closed.get(STATUS, headers=bearer(token)).status_code == 200
    tokens.revoke(console.engine, "alice", By("admin"))
    assert closed.get(STATUS, headers=bearer(token)).status_code == 401


def test_guessing_ends(closed: Browser) -> None:
    codes = [closed.get(STATUS, headers=bearer(f"guess{n}")).status_code for n in range(12)]
    assert codes == [401] * 10 + [429] * 2
    refused = closed.get(STATUS, headers=bearer(TOKEN))
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


def test_only_digests_are_kept(console: Console) -> None:
    token = tokens.add(console.engine, "alice", Role.VIEWER, By("admin"))
    rows = console.read(lambda s: s.all("SELECT * FROM tokens") + s.all("SELECT * FROM audit"))
    assert token not in str(rows)


def test_health_is_for_everybody(closed: Browser) -> None:
    assert closed.get("/health/live").json() == {"status": "alive"}
    assert closed.get("/health/ready").json() == {"status": "ready"}
