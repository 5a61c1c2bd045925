"""Who may come in: this machine without a token, others with one, and nobody by guessing."""

import pytest

from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine.by import By
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN, Browse

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


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_what_comes_through_a_proxy_of_this_machine_is_not_from_it(
    http: Browser, name: str
) -> None:
    assert http.get(STATUS, headers={name: "192.0.2.1"}).status_code == 401


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
