"""Ended runs are forked: what is reused, and what runs again, is shown and asked first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.client import Client
from orchestration.errors import StateError
from tests.cli.conftest import Cli

Values = Callable[..., Any]


@pytest.fixture
def half(values: Values) -> str:
    """A run of three steps that failed at the last."""
    return str(values("run", "half", code=1)["workflow_id"])


def test_a_failed_run_is_forked_and_what_was_finished_is_not_done_again(
    cli: Cli, values: Values, half: str
) -> None:
    (made,) = values("workflows", "fork", half, "--yes")
    assert made["forked_from"] == half
    assert made["reused"] == ["done", "working"]
    assert made["runs_again"] == ["booming (it is not finished)"]
    story = cli("workflows", "show", made["id"]).stdout
    assert f"forked from {half}" in story
    assert f"working[1] · worker  completed, reused from {half}" in story
    assert "`orchestrate serve` starts it" in cli("workflows", "fork", half, "-y").stderr


def test_people_read_of_each_step_whether_it_runs_again(cli: Cli, half: str) -> None:
    made = cli("workflows", "fork", half, "-y").stdout.splitlines()
    told = [line.split(maxsplit=4)[3:] for line in made[1:]]
    assert told == [
        ["done", "reused"],
        ["working", "reused"],
        ["booming", "runs again (it is not finished)"],
    ]


def test_parameters_are_edited_by_pairs_and_by_a_file(
    values: Values, half: str, tmp_path: Path
) -> None:
    file = tmp_path / "edits.json"
    file.write_text(json.dumps({"label": "new", "count": 3}))
    (made,) = values(
        *("workflows", "fork", half, "-p", "items=a,b,c", "-p", "count=4", "--json", str(file)),
        *("--from", "working", "-y"),
    )
    assert made["edited"] == ["count", "items", "label"]
    assert made["reused"] == ["done"]
    assert made["runs_again"][0] == "working (it is asked for)"
    told = values("workflows", "show", made["id"])["parameters"]
    assert (told["items"], told["count"], told["label"]) == (["a", "b", "c"], 4, "new")


def test_a_named_step_of_a_completed_run_runs_again(cli: Cli, values: Values) -> None:
    run_id = values("run", "job")["workflow_id"]
    refused = cli("workflows", "fork", run_id, "-y", code=2).stderr
    assert "nothing in it would run again" in refused
    (made,) = values("workflows", "fork", run_id, "--from", "adding_up", "-y")
    assert made["reused"] == ["working"]


def test_a_filter_forks_what_failed_and_completed_runs_only_when_asked_for(
    values: Values, half: str
) -> None:
    done = values("run", "job")["workflow_id"]
    assert [m["forked_from"] for m in values("workflows", "fork", "--command", "half", "-y")] == [
        half
    ]
    assert values("workflows", "fork", "--command", "job", "-y") == []
    words = ("workflows", "fork", "--status", "completed", "--from", "working", "-y")
    assert [made["forked_from"] for made in values(*words)] == [done]


def test_what_cannot_be_forked_is_told_before_anything_is_asked(
    cli: Cli, client: Client, half: str
) -> None:
    live = client.start("job").workflow_id
    result = cli("workflows", "fork", live, half, "-y", code=2)
    assert f"`orchestrate workflows cancel {live}` ends it" in result.stderr
    assert half in result.stdout
    assert "add --yes" in cli("workflows", "fork", half, code=2).stderr
    assert "no step 'x'" in cli("workflows", "fork", half, "--from", "x", "-y", code=2).stderr
    assert "count: " in cli("workflows", "fork", half, "-p", "count=0", "-y", code=2).stderr


def test_a_client_forks_too(client: Client, half: str) -> None:
    with pytest.raises(StateError):
        client.fork(client.start("job").workflow_id)
    handle = client.fork(half, {"label": "x"}, again=["working"])
    story = handle.status()
    assert [step["step"] for step in story["steps"] if step["reused_from"]] == ["done"]
    assert story["parameters"]["label"] == "x"
