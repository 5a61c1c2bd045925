"""`orchestrate tokens` and `workers drain`."""

from collections.abc import Callable
from typing import Any

from orchestration.cli.opening import by
from orchestration.client import Client
from orchestration.desk.tokens import digest_of
from orchestration.store import audit, tokens
from tests.cli.conftest import Cli
from tests.cli.processes import PATIENCE_S, Processes
from tests.eventually import eventually


def test_a_token_is_shown_once_and_kept_as_a_digest(
    client: Client, cli: Cli, values: Callable[..., Any]
) -> None:
    token = cli("tokens", "add", "alice", "--role", "operator").stdout.strip()
    row = client.engine.store.read(lambda s: tokens.of_digest(s, digest_of(token)))
    assert row is not None
    assert (row.name, row.role, row.created_by) == ("alice", "operator", by().actor)
    (listed,) = values("tokens", "list")
    assert listed["name"] == "alice"
    assert token not in str(listed)


def test_a_name_is_taken_once_and_some_never(client: Client, cli: Cli) -> None:
    del client
    cli("tokens", "add", "alice", "-o", "json")
    assert "revoke alice" in cli("tokens", "add", "alice", code=2).stderr
    for name in ("environment", "loopback", "a b", ""):
        cli("tokens", "add", name, code=2)


def test_a_revoked_token_is_gone_and_who_did_it_is_known(
    client: Client, cli: Cli, values: Callable[..., Any]
) -> None:
    cli("tokens", "add", "alice")
    cli("tokens", "revoke", "alice")
    assert values("tokens", "list") == []
    assert "tokens list" in cli("tokens", "revoke", "alice", code=2).stderr
    done = client.engine.store.read(lambda s: audit.after(s, 0, 10))
    assert [each.action for each in done] == ["add_token", "revoke_token"]
    assert {each.actor for each in done} == {by().actor}


def test_a_worker_that_is_drained_ends_by_itself(
    processes: Processes, client: Client, values: Callable[..., Any]
) -> None:
    del client
    served = processes.serve()
    (worker,) = values("workers", "list")
    assert values("workers", "drain", worker["id"][:8]) == {"draining": worker["id"]}
    eventually(lambda: served.poll() is not None, within=PATIENCE_S, what="the worker ended")
    assert served.wait(PATIENCE_S) == 1


def test_a_worker_that_is_not_there_is_not_drained(client: Client, cli: Cli) -> None:
    del client
    assert "workers list" in cli("workers", "drain", "nobody", code=2).stderr
