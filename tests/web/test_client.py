"""`Client` over HTTP: the same handles and errors as with a store, whatever is at the address."""

import re
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from orchestration import Client, settings
from orchestration import remote as module
from orchestration.errors import (
    ConfigurationError,
    NotFoundError,
    RejectedError,
    ServerError,
    StateError,
    WorkflowFailedError,
)
from orchestration.remote import Remote
from orchestration.state import RunStatus
from orchestration.web.console import Console
from tests.cli.sample import Job
from tests.web.conftest import TOKEN, fields
from tests.web.streaming import served

PATIENCE_S = 20.0


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


def test_a_server_that_does_not_answer_in_time_may_have_done_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        there = Remote(f"http://127.0.0.1:{mute.getsockname()[1]}")
        with closing(there), pytest.raises(ServerError, match="may be done all the same"):
            there.post("/emergency/stop", {"reason": "x"})


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
            next(remote.events("/workflows/job_1/events"))
        remote.close()
        other.shutdown()
        thread.join(PATIENCE_S)
