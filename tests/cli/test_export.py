"""Runs are exported with everything, record by record."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.client import Client
from orchestration.views import export
from tests.cli.conftest import Cli


def exported(cli: Cli, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cli("workflows", "export", *words).stdout.splitlines()]


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record for record in records if record["record"] == kind]


def test_a_run_is_exported_with_steps_results_attempts_events_and_what_people_did(
    cli: Cli,
) -> None:
    run_id = json.loads(cli("run", "half", "-o", "json", code=1).stdout)["workflow_id"]
    cli("workflows", "retry", run_id, "-y", "--reason", "try again")

    found = exported(cli, run_id)

    assert found[0]["record"] == "run"
    assert found[0]["parameters"]["items"] == ["a", "b"]
    assert [(step["step"], step["result"]) for step in of(found, "step")][:3] == [
        ("done", None),
        ("working", {"item": "a"}),
        ("working", {"item": "b"}),
    ]
    assert of(found, "step")[1]["item"] == "a"
    (attempt,) = of(found, "attempt")
    assert (attempt["step"], attempt["error"]["type"]) == ("booming", "ValueError")
    assert {"run.failed", "run.running"} <= {event["kind"] for event in of(found, "event")}
    (deed,) = of(found, "audit")
    assert deed["action"] == "retry"
    assert "try again" in deed["actor"]
    assert {record.get("workflow_id", run_id) for record in found} == {run_id}


def test_filters_choose_and_without_one_everything_is_exported(
    cli: Cli, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(export, "BATCH", 2)
    jobs = [client.start("job").workflow_id for _ in range(5)]
    other = client.start("gate", {"path": str(tmp_path / "none")}).workflow_id
    client.engine.cancel(jobs[0])

    def ids(*words: str) -> list[str]:
        return [record["id"] for record in of(exported(cli, *words), "run")]

    assert ids() == [other, *reversed(jobs)]
    assert ids("--command", "job") == list(reversed(jobs))
    assert ids("-o", "json") == ids(), "the form that it has"
    assert ids("--status", "cancelled") == [jobs[0]]
    assert ids(jobs[1], jobs[1]) == [jobs[1]]
    assert "ids or a filter" in cli("workflows", "export", other, "--command", "x", code=2).stderr
    assert "no workflow x" in cli("workflows", "export", "x", code=2).stderr
