"""A server that is away for a while, by itself or in the words of a proxy, is asked again."""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx
import pytest
from typing_extensions import override

from orchestration import Client
from orchestration.cli import following
from orchestration.errors import InDoubtError, NotFoundError, OrchestrationError, ServerError
from orchestration.handles import RemoteHandle
from orchestration.patience import Patience
from orchestration.remote import Remote
from orchestration.web.problems import problem_of
from tests.clock import FakeClock
from tests.web.conftest import Cli, Quick, Values

PATIENCE_S = 20.0
STREAM = "text/event-stream"
DONE = {"workflow_id": "job_1", "status": "completed", "result": 7, "error_messages": []}


class Said(NamedTuple):
    """One answer of a server."""

    status: int
    body: str = ""
    kind: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()


class Script(ThreadingHTTPServer):
    """A server that answers one request after another as it is told, and the last for ever."""

    answers: deque[Said]

    @property
    def place(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Reader(BaseHTTPRequestHandler):
    """Answers a request with the next answer of the script."""

    @override
    def log_message(self, format: str, *args: Any) -> None: ...

    def do_GET(self) -> None:
        """Answer."""
        assert isinstance(self.server, Script)
        answers = self.server.answers
        said = answers.popleft() if len(answers) > 1 else answers[0]
        self.send_response(said.status)
        for name, value in (("Content-Type", said.kind), *said.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body.encode())

    def do_POST(self) -> None:
        """Answer alike."""
        self.do_GET()


@pytest.fixture
def script() -> Iterator[Script]:
    with Script(("127.0.0.1", 0), Reader) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(PATIENCE_S)


@pytest.fixture
def run(script: Script, quick: Quick) -> Iterator[RemoteHandle]:
    """A run behind the server of the script."""
    with closing(Remote(script.place, patience=quick)) as there:
        yield RemoteHandle(there, "job_1")


AWAY = [Said(429, headers=(("Retry-After", "0"),)), Said(502, "<p>bad gateway"), Said(504)]
KEPT = (("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),)


def event(number: int) -> str:
    """One event of a stream."""
    told = {"id": number, "at": "2026-01-31T06:30:00+00:00", "kind": f"k{number}"}
    return f"data: {json.dumps(told | dict.fromkeys(('step', 'branch', 'detail')))}\n\n"


def test_a_stream_goes_on_after_a_server_was_away(script: Script, run: RemoteHandle) -> None:
    first, last = (Said(200, event(number), STREAM) for number in (1, 2))
    script.answers = deque([*AWAY, first, Said(503), Said(503, headers=KEPT), last, Said(204)])
    assert [each.kind for each in run.events()] == ["k1", "k2"]


def test_a_quiet_stream_that_is_cut_again_and_again_goes_on(
    script: Script, run: RemoteHandle
) -> None:
    """A ping is an answer, too: only what is away for half a minute in a row ends the waiting."""
    cut = Said(200, ": ping\n\n", STREAM, (("Content-Length", "99"),))
    script.answers = deque([*[cut] * 40, Said(200, event(1), STREAM), Said(204)])
    assert [each.kind for each in run.events()] == ["k1"]


def test_a_result_is_waited_for_while_the_server_is_away(script: Script, run: RemoteHandle) -> None:
    going = Said(200, json.dumps({**DONE, "status": "running"}), "application/json")
    done = Said(200, json.dumps(DONE), "application/json")
    script.answers = deque([*AWAY, going, *AWAY, done])
    assert run.result() == 7


def test_a_server_that_stays_away_ends_the_waiting(script: Script, run: RemoteHandle) -> None:
    script.answers = deque([Said(503, headers=(("Retry-After", "0"),))])
    with pytest.raises(ServerError, match="answers 503"):
        run.result()


def test_nobody_waits_for_a_server_longer_than_he_wants_to(
    script: Script, quick: Quick, clock: FakeClock
) -> None:
    script.answers = deque([Said(503, headers=(("Retry-After", "20"),))])
    began = clock.monotonic()
    with closing(Remote(script.place, patience=quick)) as there, pytest.raises(ServerError):
        there.wait_for("/workflows", began + 5)
    assert clock.monotonic() == began + 5


def test_nobody_waits_for_a_server_longer_than_for_a_result(script: Script) -> None:
    script.answers = deque([Said(503)])
    with Client(script.place) as client, pytest.raises(ServerError, match="answers 503"):
        client.workflow("job_1").result(timeout=0.05)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said(500), ServerError),
        (Said(503, '{"kind": "not_found", "detail": "none"}', "application/json"), NotFoundError),
    ],
)
def test_what_a_server_refuses_is_not_asked_again(
    script: Script, run: RemoteHandle, said: Said, kind: type[OrchestrationError]
) -> None:
    script.answers = deque([said, Said(204)])
    with pytest.raises(kind):
        run.result()
    assert len(script.answers) == 1


def test_what_may_have_been_done_is_not_asked_for_again(script: Script) -> None:
    problem = problem_of(InDoubtError("it may be written"))
    body = json.dumps(problem.as_json())
    script.answers = deque([Said(503, body, "application/problem+json"), Said(204)])
    with closing(Remote(script.place)) as there, pytest.raises(InDoubtError):
        there.post("/commands")
    assert len(script.answers) == 1


@pytest.fixture
def hasty(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line waits by the clock of the test."""
    monkeypatch.setattr(following, "Patience", quick)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Cuts the connection for the first so many requests for a path."""

    def cut(end: str, times: int) -> None:
        request, left = httpx.Client.request, [times]

        def asked(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
            if path.endswith(end) and left[0]:
                left[0] -= 1
                raise httpx.ConnectError("refused")
            return request(client, method, path, **more)

        monkeypatch.setattr(httpx.Client, "request", asked)

    return cut


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("end", ["/picture", "/result"])
def test_a_run_is_followed_though_its_server_was_away(
    values: Values, cut: Callable[[str, int], None], end: str
) -> None:
    cut(end, 3)
    assert values("run", "job")["status"] == "completed"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("end", ["/picture", "/result"])
def test_a_run_that_was_started_is_told_though_its_server_stays_away(
    cli: Cli, remote: Client, place: str, cut: Callable[[str, int], None], end: str
) -> None:
    cut(end, 1_000)
    told = cli("run", "job", "-o", "json", code=3)
    run_id = json.loads(told.stdout)["workflow_id"]
    assert told.stderr.startswith(f"orchestrate: asking again: cannot reach {place} (refused)")
    assert f"\norchestrate: cannot reach {place} (refused)" in told.stderr
    assert told.stderr.count("asking again") == 1
    assert f"detached from {run_id}: it was started behind {place}" in told.stderr
    assert f"`orchestrate workflows watch {run_id}` shows it" in told.stderr
    assert re.search(r"detached from job_[0-9a-f]{12}", cli("run", "job", code=3).stderr)
    assert "cannot reach" in cli("workflows", "watch", run_id, code=3).stderr
    assert list(remote.workflow(run_id).events())[-1].kind == "run.completed"


@pytest.mark.usefixtures("hasty")
def test_a_server_that_is_away_is_told_at_once_to_who_watches(
    cli: Cli, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock.monotonic()
    monkeypatch.setenv("ORCHESTRATION_URL", "http://127.0.0.1:9")
    assert "cannot reach" in cli("workflows", "watch", "job_1", code=3).stderr
    assert clock.monotonic() == began


@pytest.mark.parametrize("end", ["/picture", "/result"])
def test_who_leaves_a_server_that_is_waited_for_is_told_of_the_run(
    cli: Cli, cut: Callable[[str, int], None], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "Patience", partial(Patience, sleep=leave))
    cut(end, 1_000)
    told = cli("run", "job", code=130).stderr
    assert re.search(r"detached from job_[0-9a-f]{12}: it goes on behind", told)


def test_a_key_finds_the_run_that_it_started(cli: Cli, here: Cli) -> None:
    with_key = ("run", "job", "--idempotency-key", "again")
    for run in (cli, here):
        first, second = (run(*with_key, "-o", "json").stdout for _ in range(2))
        assert json.loads(first)["workflow_id"] == json.loads(second)["workflow_id"]
        assert "another" in run(*with_key, "-p", "count=2", code=2).stderr
