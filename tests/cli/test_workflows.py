"""Runs are listed, shown, explained and steered."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.cli import selecting, show
from orchestration.client import Client
from orchestration.clock import new_id
from orchestration.desk import starting
from orchestration.engine.by import By
from orchestration.state import RunStatus
from orchestration.store import workers
from orchestration.views import workflow
from tests.cli.conftest import Cli

Values = Callable[..., Any]


def test_a_store_that_is_not_there_says_what_makes_one(cli: Cli) -> None:
    assert "`orchestrate run` or `serve` make one" in cli("workflows", "list", code=3).stderr


def test_runs_are_listed_newest_first(cli: Cli, values: Values, client: Client) -> None:
    ids = [client.start("job").workflow_id for _ in range(3)]
    failed = client.start("bad").workflow_id
    client.engine.cancel(failed)

    assert [run["id"] for run in values("workflows", "list")] == [failed, *reversed(ids)]
    assert [run["id"] for run in values("workflows", "list", "--limit", "1")] == [failed]
    assert [run["id"] for run in values("workflows", "list", "--command", "bad")] == [failed]
    assert [run["id"] for run in values("workflows", "list", "--status", "cancelled")] == [failed]
    assert "0%" in cli("workflows", "list").stdout
    assert cli("workflows", "list", "--command", "none").stdout.strip() == "nothing to show"


def test_show_tells_attempts_workers_errors_and_the_next_command(cli: Cli, values: Values) -> None:
    run_id = values("run", "bad", code=1)["workflow_id"]

    story = cli("workflows", "show", run_id).stdout
    assert "booming · worker  failed" in story
    assert "attempt 1  failed  at " in story
    assert re.search(r":\d+ \(worker \w{8}, release \S+\)", story)
    assert "ValueError: boom and a second line" in story
    assert "| Traceback (most recent call last):" in story
    assert f"next: `orchestrate workflows retry {run_id}`" in story

    detail = values("workflows", "show", run_id)
    assert detail["steps"][0]["attempts"][0]["error"]["type"] == "ValueError"
    assert detail["next"] == f"`orchestrate workflows retry {run_id}`"


def test_show_says_when_it_does_not_show_every_event(
    values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = values("run", "bad", code=1)["workflow_id"]
    whole = values("workflows", "show", run_id)
    assert not whole["events_truncated"]
    details = {event["detail"] for event in whole["events"]}
    assert "ValueError: boom and a second line" in details

    monkeypatch.setattr(workflow, "MOST_EVENTS", 2)
    part = values("workflows", "show", run_id)
    assert part["events_truncated"]
    assert part["events"] == whole["events"][:2]


def test_show_names_the_worker_of_a_step_that_completed(cli: Cli, values: Values) -> None:
    run_id = values("run", "job", "-p", "items=a,b")["workflow_id"]
    story = cli("workflows", "show", run_id).stdout
    assert "working[0] · worker  completed" in story
    assert "working[1] · worker  completed" in story
    assert "adding_up · worker  completed" in story
    assert "attempt 1  completed  at " in story
    assert "working on" not in story
    assert "forgotten" not in story


def test_a_run_is_meant_by_so_much_of_its_id_as_it_alone_has(
    cli: Cli, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = iter(["abcd00000001", "abcd00000002", "abce00000001"])
    monkeypatch.setattr(starting, "run_hex", lambda: next(digits))
    first, second, third = (values("send", "job")["workflow_id"] for _ in range(3))

    for word in (third, "job_abce", "abce"):
        assert values("workflows", "show", word)["id"] == third
        assert values("workflows", "why", word)["workflow_id"] == third
        assert {event["run_id"] for event in values("events", word)} == {third}
        assert f'"id": "{third}"' in cli("workflows", "export", word).stdout
    assert values("workflows", "cancel", "abce", "job_abce", "--yes") == [
        {"id": third, "status": "cancelled"}
    ]
    assert values("workflows", "watch", "abce", code=1)["workflow_id"] == third
    for verb in (["show"], ["watch"], ["why"], ["export"], ["cancel", "--yes"]):
        told = cli("workflows", *verb, "job_abcd", code=2).stderr
        assert f"several workflows begin with job_abcd: write more of {first}, {second}" in told
    for word in ("job_abc", "abc", "abcf", "jo_abce", "job"):
        assert f"no workflow {word}" in cli("workflows", "show", word, code=2).stderr
    for verb in (["show"], ["watch"], ["why"], ["export"], ["cancel", "--yes"]):
        for word in ("job_abc", "abc", "job_a", "a"):
            told = cli("workflows", *verb, word, code=2).stderr
            assert f"no workflow {word}: write at least 4 digits of its id" in told


def test_an_unknown_id_says_how_to_list_them(cli: Cli, client: Client) -> None:
    del client
    for verb in ("show", "watch", "why"):
        assert "`orchestrate workflows list`" in cli("workflows", verb, "x_1", code=2).stderr
    assert "no workflow x_1" in cli("workflows", "cancel", "x_1", "--yes", code=2).stderr


def test_watching_an_ended_run_prints_its_result(cli: Cli, values: Values) -> None:
    run_id = values("run", "job")["workflow_id"]
    assert values("workflows", "watch", run_id)["result"]["count"] == 2
    failed = values("run", "bad", code=1)["workflow_id"]
    assert "booming" in cli("workflows", "watch", failed, code=1).stdout


def test_why_names_the_blocker_and_the_cure(cli: Cli, values: Values, client: Client) -> None:
    run_id = client.start("job").workflow_id

    line = cli("workflows", "why", run_id).stdout
    assert "no live worker serves worker: start one with `orchestrate serve`" in line
    found = values("workflows", "why", run_id)
    assert list(found) == ["workflow_id", "status", "kind", "what", "cure"]
    assert found["kind"] == "no_worker"


def test_a_run_is_paused_resumed_and_cancelled(values: Values, client: Client) -> None:
    run_id = client.start("asking").workflow_id

    for verb, status in (("pause", "paused"), ("resume", "waiting"), ("cancel", "cancelled")):
        (outcome,) = values("workflows", verb, run_id, "--yes")
        assert outcome["id"] == run_id
        assert outcome["status"] in {status, "running", "pending"}
    assert client.workflow(run_id).status()["status"] == "cancelled"


def test_why_and_by_whom_a_run_is_paused_is_told(cli: Cli, client: Client) -> None:
    run_id = client.start("asking").workflow_id
    client.engine.pause(run_id, By("ann", "prices look wrong"))
    for verb in ("show", "why"):
        told = cli("workflows", verb, run_id).stdout
        assert f"{run_id} is paused by ann: prices look wrong" in told


def test_an_approval_of_what_does_not_wait_names_why(cli: Cli, client: Client) -> None:
    run_id = client.start("asking").workflow_id
    error = cli("workflows", "approve", run_id, "--step", "nothing", "--yes", code=2).stderr
    assert f"`orchestrate workflows why {run_id}`" in error


def test_where_an_attempt_was_is_told_of_agents_outside_too() -> None:
    outside = {"id": "outside:x", "host": None, "pid": None, "release": None}
    assert show.place(outside) == "an outside agent"
    assert show.place(None) == "a forgotten worker"


def test_a_failed_run_is_retried(values: Values, cli: Cli) -> None:
    run_id = values("run", "bad", code=1)["workflow_id"]
    (outcome,) = values("workflows", "retry", run_id, "--yes")
    assert outcome["status"] in {"pending", "running"}
    told = cli("workflows", "retry", run_id, "x=1", "-y", code=2).stderr
    assert "x=1 is no id: a run keeps its parameters; `orchestrate workflows fork ID -p" in told
    for verb in ("cancel", "export"):
        told = cli("workflows", verb, "x=1", code=2).stderr
        assert "x=1 is no id (see" in told, "of parameters that verb knows nothing"

    undone = values("run", "undone", code=1)["workflow_id"]
    fork = f"`orchestrate workflows fork {undone}`"
    assert fork in cli("workflows", "retry", undone, "-y", code=2).stderr
    assert fork in cli("workflows", "why", undone).stdout


def test_a_filter_touches_only_what_the_verb_can_change(values: Values, client: Client) -> None:
    ended = client.start("job").workflow_id
    client.engine.cancel(ended)
    live = {client.start("job").workflow_id for _ in range(2)}
    other = client.start("asking").workflow_id

    outcomes = values("workflows", "cancel", "--command", "job", "--yes")

    assert {outcome["id"] for outcome in outcomes} == live
    assert values("workflows", "cancel", "--status", "completed", "--yes") == []
    assert not RunStatus(client.workflow(other).status()["status"]).ended


def test_what_is_refused_is_told_for_each_run(cli: Cli, client: Client) -> None:
    ended, live = (client.start("job").workflow_id for _ in range(2))
    client.engine.cancel(ended, By("test"))

    result = cli("workflows", "cancel", ended, live, "--yes", code=2)

    assert f"{ended} is cancelled: there is nothing to cancel" in result.stderr
    assert live in result.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name runs by id, or filter them"),
        (["x", "--status", "failed"], "ids or a filter, not both"),
    ],
)
def test_it_must_be_clear_which_runs_are_meant(
    cli: Cli, client: Client, words: list[str], says: str
) -> None:
    del client
    assert says in cli("workflows", "cancel", *words, code=2).stderr


def test_without_a_terminal_nothing_is_changed_unasked(cli: Cli, client: Client) -> None:
    run_id = client.start("job").workflow_id
    assert "add --yes" in cli("workflows", "cancel", run_id, code=2).stderr
    assert client.workflow(run_id).status()["status"] == "running"


@pytest.mark.parametrize(("answer", "code", "status"), [("y", 0, "cancelled"), ("n", 1, "running")])
def test_on_a_terminal_it_shows_and_asks(
    cli: Cli,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    status: str,
) -> None:
    run_id = client.start("job").workflow_id
    monkeypatch.setattr("orchestration.cli.selecting.is_terminal", lambda: True)

    result = cli("workflows", "cancel", run_id, code=code, stdin=f"{answer}\n")

    assert run_id in result.stdout
    assert "cancel 1 run?" in result.stderr
    assert client.workflow(run_id).status()["status"] == status


@pytest.mark.parametrize("step", ["add", "stage_a", "ship"])
def test_a_step_is_no_run_whatever_its_name_looks_like(cli: Cli, client: Client, step: str) -> None:
    run_id = client.start("job").workflow_id
    error = cli("workflows", "approve", run_id, step, "--yes", code=2).stderr
    assert f"step {step!r}" in error


def test_a_step_is_approved_or_rejected(values: Values, cli: Cli, client: Client) -> None:
    first, second = (client.start("asking").workflow_id for _ in range(2))

    assert "waits for an approval until" in cli("workflows", "why", first).stdout
    (approved,) = values("workflows", "approve", first, "--yes")
    (rejected,) = values("workflows", "reject", second, "asked", "--yes", "--reason", "no")

    assert approved["status"] in {"pending", "running"}
    assert rejected["status"] == "cancelled"
    assert "no" in client.workflow(second).status()["reason"]


def test_only_what_waits_can_be_approved(cli: Cli, client: Client) -> None:
    run_id = client.start("asking").workflow_id
    assert "step 'other' does not wait for an approval; waiting: asked" in (
        cli("workflows", "approve", run_id, "other", "-y", code=2).stderr
    )
    client.engine.cancel(run_id)
    assert "nothing waits for an approval" in (
        cli("workflows", "approve", run_id, "-y", code=2).stderr
    )


def test_many_runs_are_answered_for_by_ids_or_by_a_filter(
    values: Values, cli: Cli, client: Client
) -> None:
    runs = [client.start("asking").workflow_id for _ in range(4)]
    client.start("gate", {"path": "none"})
    approved = values("workflows", "approve", *runs[:2], "--step", "asked", "-y")
    assert [outcome["id"] for outcome in approved] == runs[:2]

    result = cli("workflows", "reject", runs[0], runs[2], "-y", code=2)
    assert f"{runs[0]} is running: nothing waits" in result.stderr
    assert runs[2] in result.stdout

    assert [o["id"] for o in values("workflows", "reject", "--status", "waiting", "-y")] == [
        runs[3]
    ]
    assert values("workflows", "approve", "--command", "gate", "-y") == []


@pytest.mark.parametrize("status", ["paused", "pending"])
def test_a_run_that_waits_is_found_by_a_filter_whatever_else_it_does(
    values: Values, client: Client, status: str
) -> None:
    held = client.start("asking").workflow_id
    client.engine.pause(held)
    if status == "pending":
        for _ in range(client.engine.rules.slots):
            client.start("job")
        client.engine.resume(held)

    (rejected,) = values("workflows", "reject", "--command", "asking", "--status", status, "-y")
    assert rejected == {"id": held, "status": "cancelled"}


def test_failed_runs_are_retried_together(values: Values) -> None:
    failed = {values("run", "bad", code=1)["workflow_id"] for _ in range(2)}
    values("run", "job")
    words = ("workflows", "retry", "--command", "bad", "--status", "failed", "-y")
    assert {outcome["id"] for outcome in values(*words)} == failed


def test_what_has_ended_is_refused_before_anybody_is_asked(
    cli: Cli, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "is_terminal", lambda: True)
    run_id = values("run", "job")["workflow_id"]
    result = cli("workflows", "cancel", run_id, code=2)
    assert f"{run_id} is completed: there is nothing to cancel" in result.stderr
    assert result.stdout == ""


def test_events_are_listed_newest_first(cli: Cli, values: Values, client: Client) -> None:
    run_id = client.start("asking").workflow_id
    values("run", "bad", code=1)

    kinds = [event["kind"] for event in values("events", run_id)]
    assert kinds == ["run.waiting", "step.waiting", "run.pending"]
    assert "ValueError: boom and a second line" in cli("events").stdout
    assert len(values("events", "--limit", "2")) == 2


def test_the_fleet_is_listed(cli: Cli, values: Values, client: Client) -> None:
    values("run", "bad", code=1)

    (agent,) = values("agents", "list")
    assert {"name", "status", "last_heartbeat", "capabilities", "metrics"} <= agent.keys()
    assert (agent["name"], agent["error_count"], agent["circuit"]) == ("worker", 1, "closed")
    assert agent["last_error"] == "ValueError: boom and a second line"
    assert values("workers", "list") == []
    found = values("status")
    assert found["workflows"]["failed"] == 1
    assert "counting" in cli("status").stdout
    assert "worker" in cli("agents", "list").stdout

    lost = workers.NewWorker(
        id=new_id(), host="h", pid=1, release="r", offers=[], transport="embedded",
        slots={"worker": 8, "helper": 2},
    )  # fmt: skip
    client.engine.store.write(lambda s: workers.join(s, lost, client.engine.clock.now()))
    (worker,) = values("workers", "list")
    assert (worker["status"], worker["running"]) == ("dead", 0)
    assert worker["slots"] == {"helper": 2, "worker": 8}
    assert "helper (2), worker (8)" in cli("workers", "list").stdout
    client.engine.store.write(lambda s: workers.drain(s, lost.id))
    assert "nothing" in cli("workers", "list").stdout
