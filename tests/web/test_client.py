"""`Client` and the command line over HTTP: the same handles, words and exit codes."""

import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from orchestration import Client, settings
from orchestration import remote as module
from orchestration.cli import remotely
from orchestration.cli.parameters import read_by_schema
from orchestration.cli.remotely import Glass
from orchestration.cli.root import root
from orchestration.engine.by import By
from orchestration.errors import (
    ConfigurationError,
    NotFoundError,
    RejectedError,
    ServerError,
    StateError,
    WorkflowFailedError,
)
from orchestration.remote import Remote
from orchestration.runtime.embedded import THREADS
from orchestration.runtime.serving import serving
from orchestration.state import RunStatus
from orchestration.store import stops
from orchestration.web.console import Console, console_of
from orchestration.web.limits import Limits
from tests.cli.sample import Job
from tests.cli.sample import app as sample
from tests.web.conftest import TOKEN
from tests.web.streaming import served

PATIENCE_S = 20.0
AN_HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def served_console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """What a server with workers behind it works on."""
    home: Path = tmp_path_factory.mktemp("served")
    found = settings.load({"ORCHESTRATION_HOME": str(home)})
    with serving(sample, found) as host:
        console = console_of(host, sample, found)
        yield Console(**fields(console) | {"limits": Limits(rate=1e4, burst=1e4)})


@pytest.fixture(scope="module")
def place(served_console: Console) -> Iterator[str]:
    """A server with workers behind it."""
    with served(served_console) as url:
        yield url


def fields(console: Console) -> dict[str, Any]:
    """What a console is made of."""
    return {name: getattr(console, name) for name in ("settings", "app", "opened", "engine")}


class AnHourAhead(Remote):
    """The server, as if its clock were ahead of this machine's."""

    @override
    def get(self, path: str, **parameters: Any) -> Any:
        found = super().get(path, **parameters)
        return {**found, "now": (datetime.fromisoformat(found["now"]) + AN_HOUR).isoformat()}


@pytest.fixture
def remote(place: str) -> Iterator[Client]:
    with Client(place) as client:
        yield client


@pytest.fixture
def cli(place: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `orchestrate` with a server configured."""
    monkeypatch.setenv("ORCHESTRATION_URL", place)
    monkeypatch.setenv("ORCHESTRATION_HOME", "/nowhere")

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(root, words, prog_name="orchestrate")
        assert result.exit_code == code, result.output
        return result

    return run


def test_a_run_is_started_followed_and_its_result_fetched(remote: Client) -> None:
    run = remote.start("job", Job(items=["x", "y"]), idempotency_key="k")
    assert run.result(timeout=PATIENCE_S)["count"] == 2
    assert run.status()["sender"] == "http:loopback"
    assert run.phase() is RunStatus.COMPLETED
    kinds = [event.kind for event in run.events()]
    assert (kinds[0], kinds[-1]) == ("run.pending", "run.completed")
    again = remote.start("job", {"items": ["x", "y"]}, idempotency_key="k")
    assert again.workflow_id == run.workflow_id
    assert remote.workflow(run.workflow_id).phase() is RunStatus.COMPLETED
    fork = remote.fork(run.workflow_id, {"items": ["z"]}, idempotency_key="k")
    assert fork.result(timeout=PATIENCE_S)["count"] == 1
    repeated = remote.fork(run.workflow_id, {"items": ["z"]}, idempotency_key="k")
    assert repeated.workflow_id == fork.workflow_id


def test_what_the_server_refuses_is_raised_as_it_would_be_here(remote: Client) -> None:
    with pytest.raises(RejectedError, match="known commands"):
        remote.start("fly")
    with pytest.raises(NotFoundError, match="no workflow"):
        remote.workflow("nothing_1").status()
    run = remote.start("bad")
    with pytest.raises(WorkflowFailedError, match="boom"):
        run.result(timeout=PATIENCE_S)
    with pytest.raises(StateError, match="already"):
        run.cancel("too late")
    waiting = remote.start("asking")
    assert waiting.cancel("not today") is RunStatus.CANCELLED


def test_a_server_that_is_not_there_is_named() -> None:
    nowhere = "http://127.0.0.1:9"
    with Client(nowhere) as client, pytest.raises(ServerError, match=re.escape(nowhere)):
        client.start("job")


def test_a_token_is_sent_and_asked_for(
    console: Console, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings.load({**environ, "ORCHESTRATION_API_TOKEN": TOKEN})
    with served(Console(**fields(console) | {"settings": found})) as place:
        with Client(place) as client, pytest.raises(ConfigurationError, match="API_TOKEN"):
            client.start("job")
        monkeypatch.setenv("ORCHESTRATION_API_TOKEN", TOKEN)
        with Client(place) as client:
            assert client.start("job").status()["sender"] == "http:environment"


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
    def get(self, path: str, **parameters: Any) -> Any:
        found = super().get(path, **parameters)
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
    monkeypatch.setattr(remotely, "CHANGED_AT_ONCE", 2)
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
    assert "this verb works on a store" in cli("events", code=2).stderr


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


def test_a_server_that_does_not_answer_in_time_may_have_done_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        there = Remote(f"http://127.0.0.1:{mute.getsockname()[1]}")
        with closing(there), pytest.raises(ServerError, match="may be done all the same"):
            there.post("/emergency/stop", {"reason": "x"})


def test_a_server_that_is_away_ends_the_command_line_with_3(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATION_URL", "http://127.0.0.1:9")
    assert "ORCHESTRATION_URL" in cli("send", "job", code=3).stderr


def test_parameters_are_read_as_their_schema_wants_them() -> None:
    schema = Job.model_json_schema()
    pairs = ("items=a,b", "count=3", "ratio=2", "label=7", "loud=true", "kinds=red")
    assert read_by_schema(schema, pairs, io.BytesIO(b'{"count": 1}')) == {
        "items": ["a", "b"], "count": 3, "ratio": 2, "label": "7", "loud": True, "kinds": ["red"],
    }  # fmt: skip
    with pytest.raises(RejectedError, match="this workflow takes: count"):
        read_by_schema(schema, ["x=1"], None)


class Other(BaseHTTPRequestHandler):
    """Something else at the address: a page for people, and a way to it."""

    @override
    def log_message(self, format: str, *args: Any) -> None: ...

    def do_GET(self) -> None:
        """Answer as a proxy that wants a login."""
        moved = self.path.endswith("/moved")
        self.send_response(302 if moved else 200)
        self.send_header("Content-Type", "text/html")
        if moved:
            self.send_header("Location", "/login")
        self.end_headers()
        self.wfile.write(b"<p>log in</p>")


def test_what_is_no_server_of_ours_is_told_so() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, daemon=True)
        thread.start()
        remote = Remote(f"http://127.0.0.1:{other.server_port}")
        for path in ("/status", "/moved"):
            with pytest.raises(ServerError, match="correct ORCHESTRATION_URL"):
                remote.get(path)
        with pytest.raises(ServerError, match="correct ORCHESTRATION_URL"):
            next(remote.events("job_1"))
        remote.close()
        other.shutdown()
        thread.join(PATIENCE_S)
