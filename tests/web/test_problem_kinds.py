"""An error is of the same kind behind a server as with a store: its class, attributes and code."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from orchestration import Client
from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import (
    BrokerError,
    CheckFailedError,
    ConfigurationError,
    DuplicateCommandError,
    InDoubtError,
    NotFoundError,
    OrchestrationError,
    OverloadedError,
    OwnRunError,
    RejectedError,
    ServerError,
    StateError,
    StoppedError,
    StoreError,
    StoreTooOldError,
    UnknownCommandError,
)
from orchestration.remote import refusal
from orchestration.state import RunStatus
from orchestration.web.problems import problem_of
from tests.eventually import eventually
from tests.web.conftest import Cli

PATIENCE_S = 20.0


def told(error: OrchestrationError, **without: None) -> OrchestrationError:
    """The error that a client meets where a server met one; a server may tell no kind."""
    problem = problem_of(error)
    body = {name: said for name, said in problem.as_json().items() if name not in without}
    return refusal(httpx.Response(problem.status, json=body), "http://there")


@pytest.mark.parametrize(
    "error",
    [
        BrokerError("x"),
        ConfigurationError("x"),
        DuplicateCommandError("x"),
        InDoubtError("x"),
        NotFoundError("x"),
        OverloadedError("ann", 7, 30),
        OwnRunError("x"),
        RejectedError("x and y", ("x", "y")),
        StateError("x"),
        StoppedError("x"),
        StoreError("x"),
    ],
)
def test_an_error_passes_through_http(error: OrchestrationError) -> None:
    there = told(error)
    assert type(there) is type(error)
    assert str(there) == str(error)
    assert vars(there) == vars(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnknownCommandError("fly", ["job"]), RejectedError),
        (StoreTooOldError("x"), StoreError),
        (CheckFailedError("x"), ServerError),
    ],
)
def test_an_error_that_http_has_no_word_for_is_of_the_next_kind(
    error: OrchestrationError, kind: type[OrchestrationError]
) -> None:
    there = told(error)
    assert (type(there), str(there)) == (kind, str(error))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StoppedError("x"), StateError),
        (OwnRunError("x"), ConfigurationError),
        (OverloadedError("ann", 7, 30), ServerError),
        (StoreError("x"), ServerError),
    ],
)
def test_a_server_that_tells_no_kind_is_understood_by_the_status(
    error: OrchestrationError, kind: type[OrchestrationError]
) -> None:
    assert type(told(error, kind=None)) is kind


def test_an_error_in_json_that_is_no_problem_is_told_by_the_status() -> None:
    error = refusal(httpx.Response(502, json=["bad gateway"]), "http://there")
    assert (type(error), str(error)) == (ServerError, "http://there answers 502")


def test_only_what_was_not_done_is_said_to_be_repeated() -> None:
    for error, after in ((StoreError("x"), "5"), (OverloadedError("ann", 7, 30), "30")):
        assert problem_of(error).headers == {"Retry-After": after}
    assert problem_of(InDoubtError("it may be written")).headers == {}


@pytest.fixture
def stopped(engine: Engine) -> Iterator[None]:
    """An emergency stop holds."""
    engine.stop_everything(By("tests", "smoke"))
    yield
    engine.release(By("tests"))


@pytest.mark.usefixtures("stopped")
def test_a_stop_that_holds_is_told_as_one(cli: Cli, here: Cli, remote: Client) -> None:
    with pytest.raises(StoppedError, match="smoke"):
        remote.start("job")
    for run in (cli, here):
        for verb in ("run", "send"):
            assert "smoke" in run(verb, "job", code=3).stderr


def test_a_stop_keeps_ended_runs_as_they_are(
    cli: Cli, here: Cli, remote: Client, engine: Engine
) -> None:
    run = remote.start("bad")
    events = list(run.events())
    assert events[-1].kind == "run.failed"
    engine.stop_everything(By("tests", "smoke"))
    try:
        for way in (cli, here):
            for verb, code in (("fork", 3), ("retry", 2)):
                told = way("workflows", verb, run.workflow_id, "-y", code=code).stderr
                assert "smoke" in told
    finally:
        engine.release(By("tests"))
    assert run.phase() is RunStatus.FAILED
    assert list(run.events()) == events


def test_a_key_of_another_command_is_told_as_that(cli: Cli, here: Cli, remote: Client) -> None:
    remote.start("job", idempotency_key="once")
    with pytest.raises(DuplicateCommandError):
        remote.start("job", {"count": 2}, idempotency_key="once")
    for run in (cli, here):
        run("send", "job", "--idempotency-key", "twice")
        run("send", "job", "--idempotency-key", "twice", "-p", "count=2", code=2)


def test_runs_of_others_are_approved_beside_one_of_ones_own(
    cli: Cli, remote: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [remote.start("asking") for _ in range(2)]
    monkeypatch.setenv(
        "ORCHESTRATION_API_TOKEN", tokens.add(engine, "alice", Role.APPROVER, By("tests"))
    )
    own = cli("send", "asking").stdout.strip()
    for run in (*others, remote.workflow(own)):
        eventually(lambda run=run: run.phase() is RunStatus.WAITING, within=PATIENCE_S)  # type: ignore[misc]
    ids = [others[0].workflow_id, own, others[1].workflow_id]
    answered = cli("workflows", "approve", *ids, "-y", "-o", "json", code=2)
    assert [each["id"] for each in json.loads(answered.stdout)] == [ids[0], ids[2]]
    assert answered.stderr.count("\n") == 1
    assert f"has started {own}: somebody else must answer for it" in answered.stderr
    assert "API_TOKEN" not in answered.stderr
    cli("workflows", "cancel", own, "-y")
    tokens.revoke(engine, "alice", By("tests"))


@pytest.mark.parametrize("name", ["", ".", "..", "nothing?text", "nothing#1", "ж 1"])
@pytest.mark.parametrize("verb", ["show", "why", "watch", "cancel", "approve", "fork"])
def test_what_can_be_no_id_is_not_found(cli: Cli, here: Cli, verb: str, name: str) -> None:
    sure = ("-y",) if verb in {"cancel", "approve", "fork"} else ()
    for run in (cli, here):
        told = run("workflows", verb, name, *sure, code=2).stderr
        none = rf"no workflow(s are called)? '?{re.escape(name)}'?: `orchestrate workflows list`"
        assert re.search(none, told)


@pytest.mark.parametrize("name", ["", ".."])
def test_a_handle_of_what_can_be_no_id_finds_nothing(remote: Client, name: str) -> None:
    run = remote.workflow(name)
    for ask in (run.status, run.phase, run.cancel, lambda: next(run.events()), run.result):
        with pytest.raises(NotFoundError, match="no workflow"):
            ask()
    with pytest.raises(NotFoundError, match="no workflow"):
        remote.fork(name)


@pytest.mark.parametrize(
    "words", ["schedules trigger", "schedules remove", "tokens revoke", "workers drain"]
)
def test_nothing_has_no_name(cli: Cli, here: Cli, words: str) -> None:
    for run in (cli, here):
        assert "list` shows them" in run(*words.split(), "", code=2).stderr
