"""The command line over HTTP: the same words and exit codes as with a store."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from typing_extensions import override

from orchestration import Client
from orchestration.cli import bulk
from orchestration.cli.remotely import Glass
from orchestration.engine.by import By
from orchestration.errors import ConfigurationError, ServerError
from orchestration.remote import Remote
from orchestration.runtime.embedded import THREADS
from orchestration.state import RunStatus
from orchestration.store import stops
from orchestration.web.console import Console

AN_HOUR = timedelta(hours=1)


class AnHourAhead(Remote):
    """The server, as if its clock were ahead of this machine's."""

    @override
    def wait_for(self, path: str, until: float = math.inf) -> Any:
        found = super().wait_for(path, until)
        return {**found, "now": (datetime.fromisoformat(found["now"]) + AN_HOUR).isoformat()}


def test_the_command_line_works_with_a_server(cli: Callable[..., Result]) -> None:
    ran = json.loads(
        cli("run", "job", "-p", "items=a,b,c", "-p", "ratio=0.25", "-o", "json").stdout
    )
    assert (ran["status"], ran["result"]["count"]) == ("completed", 3)
    sent = cli("send", "job", "--idempotency-key", "c1", "--priority", "3").stdout.strip()
    assert cli("send", "job", "--idempotency-key", "c1", "--priority", "3").stdout.strip() == sent
    assert json.loads(cli("workflows", "watch", sent, "-o", "json").stdout)["status"] == "completed"
    listed = json.loads(cli("workflows", "list", "--limit", "2", "-o", "json").stdout)
    assert [run["id"] for run in listed] == [sent, ran["workflow_id"]]
    assert f"{sent}  completed" in cli("workflows", "show", sent).stdout
    cli("run", "bad", code=1)
    assert "known commands" in cli("send", "fly", code=2).stderr
    assert "unknown parameter" in cli("send", "job", "-p", "nothing=1", code=2).stderr
    assert "job\nsteps: working, adding_up\nparameter" in cli("commands", "job").stdout
    cli("workflows", "show", "nothing_1", code=2)


class Earlier(Remote):
    """The server, as the release before answered."""

    @override
    def wait_for(self, path: str, until: float = math.inf) -> Any:
        found = super().wait_for(path, until)
        assert found.pop("now")
        return found


def test_a_picture_of_an_earlier_release_is_shown_by_the_clock_here(
    remote: Client, place: str
) -> None:
    run_id = remote.start("job").workflow_id
    with closing(Earlier(place)) as there:
        glass = Glass(there, run_id)
        assert glass.picture().run_id == run_id
    assert abs(glass.clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_stop_as_an_earlier_release_tells_it_is_shown(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"stopped": False, "epoch": 0, "configuration": []}
    monkeypatch.setattr(Remote, "get", lambda _self, _path: told)
    assert "stopped  no" in cli("emergency", "status").stdout


def test_a_picture_is_of_a_time_by_the_clock_of_the_server(remote: Client, place: str) -> None:
    run_id = remote.start("job").workflow_id
    with closing(AnHourAhead(place)) as there:
        glass = Glass(there, run_id)
        assert glass.picture().run_id == run_id
    assert abs(glass.clock.now() - datetime.now(UTC) - AN_HOUR) < timedelta(seconds=5)


def test_runs_behind_a_server_are_steered_from_the_command_line(
    cli: Callable[..., Result], remote: Client
) -> None:
    waiting = remote.start("asking").workflow_id
    assert "waits for an approval" in cli("workflows", "why", waiting).stdout
    why = json.loads(cli("workflows", "why", waiting, "-o", "json").stdout)
    assert (why["workflow_id"], why["status"], why["kind"]) == (waiting, "waiting", "approval")
    assert "add --yes" in cli("workflows", "pause", waiting, code=2).stderr
    paused = cli("workflows", "pause", waiting, "--yes", "-o", "json").stdout
    assert json.loads(paused) == [{"id": waiting, "status": "paused"}]
    assert "there is nothing to pause" in cli("workflows", "pause", waiting, "-y", code=2).stderr
    cli("workflows", "resume", waiting, "-y")
    cli("workflows", "cancel", "--command", "asking", "--reason", "not today", "-y")
    assert remote.workflow(waiting).phase() is RunStatus.CANCELLED
    assert "name runs by id, or filter" in cli("workflows", "retry", code=2).stderr
    assert "nothing to show" in cli("workflows", "resume", "--status", "completed", "-y").stdout
    cli("workflows", "cancel", "nothing_1", "-y", code=2)


def test_many_runs_are_changed_in_few_requests(
    cli: Callable[..., Result], remote: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {remote.start("asking").workflow_id for _ in range(5)}
    monkeypatch.setattr(bulk, "CHANGED_AT_ONCE", 2)
    asked = list[str]()
    post = Remote.post

    def heard(server: Remote, path: str, body: Any = None, **headers: str) -> Any:
        asked.append(path)
        if len(asked) == 2:
            raise failure
        return post(server, path, body, **headers)

    monkeypatch.setattr(Remote, "post", heard)
    cancel = ("workflows", "cancel", "--command", "asking", "-y", "-o", "json")
    for failure, code in ((ServerError("it is away"), 3), (ConfigurationError("a viewer's"), 2)):
        asked.clear()
        cut_off = cli(*cancel, code=code)
        assert cut_off.stderr == f"orchestrate: {failure}\n", "once, and nothing after it"
        assert len(json.loads(cut_off.stdout)) == 2
        ids -= {each["id"] for each in json.loads(cut_off.stdout)}
    assert remote.workflow(*ids).cancel() is RunStatus.CANCELLED


def test_the_fleet_behind_a_server_is_shown(cli: Callable[..., Result]) -> None:
    assert json.loads(cli("status", "-o", "json").stdout)["transport"] == "embedded"
    assert "worker" in cli("status").stdout
    (agent,) = json.loads(cli("agents", "list", "-o", "json").stdout)
    assert agent["name"] == "worker"
    assert f"worker ({THREADS})" in cli("workers", "list").stdout
    assert "no worker is named" in cli("workers", "drain", "nobody", code=2).stderr
    assert "this verb works on a store" in cli("workflows", "export", code=2).stderr


@pytest.fixture
def allowed_again(served_console: Console) -> Iterator[None]:
    """Whatever a test stopped may work afterwards."""
    yield
    if served_console.read(stops.is_stopped):
        served_console.engine.release(By("tests"))


@pytest.mark.usefixtures("allowed_again")
def test_a_fleet_behind_a_server_is_stopped_and_released(
    cli: Callable[..., Result], place: str, remote: Client
) -> None:
    waiting = remote.start("asking")
    stopped = cli("emergency", "stop", "--reason", "smoke", "-o", "json")
    assert stopped.stderr == f"stopped the fleet behind {place}\n"
    assert json.loads(stopped.stdout)["stopped"] is True
    assert waiting.phase() is RunStatus.CANCELLED
    assert "smoke" in cli("emergency", "status").stdout
    assert "add --yes" in cli("emergency", "release", code=2).stderr
    assert json.loads(cli("emergency", "release", "-y", "-o", "json").stdout)["stopped"] is False
    assert "nothing to release" in cli("emergency", "release", code=2).stderr


@pytest.mark.usefixtures("allowed_again")
def test_a_stop_holds_though_its_answer_does_not_come(
    cli: Callable[..., Result], place: str, served_console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = served_console.engine

    def post(server: Remote, path: str, body: Any) -> None:
        if body["reason"] == "smoke":
            engine.stop_everything(By("ann", "smoke"))
        raise ServerError(f"{server.place} has not answered {path}")

    monkeypatch.setattr(Remote, "post", post)
    assert "has not answered" in cli("emergency", "stop", "--reason", "nothing", code=3).stderr
    stopped = cli("emergency", "stop", "--reason", "smoke", "-o", "json")
    assert stopped.stderr == f"stopped the fleet behind {place}\n"
    assert json.loads(stopped.stdout)["silent"] == []


def test_a_server_that_is_away_ends_the_command_line_with_3(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATION_URL", "http://127.0.0.1:9")
    assert "ORCHESTRATION_URL" in cli("send", "job", code=3).stderr
