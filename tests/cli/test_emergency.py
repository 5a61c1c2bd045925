"""People stop everything, see who acknowledged, and release it."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration import settings
from orchestration.cli import selecting
from orchestration.client import Client
from orchestration.engine.by import By
from orchestration.state import RunStatus
from orchestration.store import stops, workers
from orchestration.store.connect import open_store
from tests.cli.conftest import Cli

Values = Callable[..., Any]


def test_a_stop_cancels_all_work_and_starts_nothing_until_it_is_released(
    cli: Cli, values: Values, client: Client
) -> None:
    handle = client.start("job")
    found = values("emergency", "stop", "--reason", "prices look wrong")
    assert (found["stopped"], found["reason"], found["cancelled"]) == (True, "prices look wrong", 1)
    assert handle.phase() is RunStatus.CANCELLED
    assert "orchestrate emergency release" in cli("run", "job", code=3).stderr
    assert values("status")["emergency_stop"]
    released = values("emergency", "release", "--yes", "--reason", "prices are fine")
    assert released["stopped"] is False
    assert values("run", "job")["status"] == "completed"
    assert "prices look wrong" in cli("emergency", "status").stdout


def test_who_has_not_acknowledged_is_listed(cli: Cli, values: Values, client: Client) -> None:
    client.start("job")
    row = workers.NewWorker(
        id="gone", host="far", pid=7, release="1", offers=[], transport="embedded", slots={}
    )
    client.engine.store.write(lambda s: workers.join(s, row, client.engine.clock.now()))
    locks = open_store(settings.load().store_url).locks
    assert locks.hold("gone")
    found = values("emergency", "stop", "--reason", "x", "--wait", "0.2", code=1)
    assert [(each["name"], each["place"]) for each in found["silent"]] == [("gone", "far:7")]
    assert "far:7" in cli("emergency", "status").stdout
    client.engine.store.write(lambda s: workers.leave(s, "gone", client.engine.clock.now()))
    found = values("emergency", "status")
    assert (found["silent"], [each["name"] for each in found["gone"]]) == ([], ["gone"])
    assert "gone" in cli("emergency", "status").stdout


def test_who_was_killed_is_gone_and_not_waited_for(values: Values, client: Client) -> None:
    row = workers.NewWorker(
        id="dead", host="near", pid=7, release="1", offers=[], transport="embedded", slots={}
    )
    client.engine.store.write(lambda s: workers.join(s, row, client.engine.clock.now()))
    found = values("emergency", "stop", "--reason", "x", "--wait", "10")
    assert (found["silent"], [each["name"] for each in found["gone"]]) == ([], ["dead"])


def test_a_release_wants_consent(cli: Cli, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.engine.stop_everything(By("ann", "prices"))
    assert "add --yes" in cli("emergency", "release", code=2).stderr
    monkeypatch.setattr(selecting, "is_terminal", lambda: True)
    asked = cli("emergency", "release", code=1, stdin="n\n")
    assert "release the stop by ann (prices)?" in asked.stderr
    cli("emergency", "release", stdin="y\n")
    assert "nothing to release" in cli("emergency", "release", code=2).stderr


def test_why_names_the_stop(cli: Cli, client: Client) -> None:
    run_id = client.start("job").workflow_id
    engine = client.engine
    engine.store.write(lambda s: stops.add(s, "ann", "prices", engine.clock.now()))
    line = cli("workflows", "why", run_id).stdout
    assert "held by the emergency stop of ann: prices" in line
    assert "`orchestrate emergency release`" in line
