"""Verbs about runs do behind a server what they do with a store: same output, same exit codes."""

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pytest

from orchestration import Client
from orchestration.cli import paging, selecting
from orchestration.engine import Engine
from orchestration.errors import NotFoundError, OrchestrationError, ServerError, StateError
from orchestration.remote import Remote
from orchestration.state import RunStatus
from orchestration.store import audit, configuration
from orchestration.store.configuration import Author
from tests.cli.test_dead_letters import bury
from tests.eventually import eventually
from tests.web.conftest import Cli, Quick, Values

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def failed(place: str) -> str:
    """A run that has failed; not many: after ten nothing is sent to its agent."""
    with Client(place) as client:
        run = client.start("bad")
        assert list(run.events())[-1].kind == "run.failed"
        return run.workflow_id


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody can be asked, and says nothing."""
    monkeypatch.setattr(selecting, "is_terminal", lambda: True)


@pytest.mark.parametrize(
    "words",
    [
        "alerts list", "config history", "config history mode", "dead-letters list",
        "dead-letters list --sender nobody", "queues", "schedules list", "tokens list",
        "emergency status",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.usefixtures("failed")
def test_what_is_listed_is_what_the_store_has(
    cli: Cli, here: Cli, engine: Engine, words: str, form: str
) -> None:
    bury(engine, b"{", reason="bad_json", sender=None)
    engine.commit(lambda tx: configuration.add(tx.session, "mode", "paper", Author("ann"), tx.now))
    given = (*words.split(), "-o", form)
    # not at once: an alert may be told in between
    eventually(lambda: cli(*given).stdout == here(*given).stdout, within=PATIENCE_S)
    assert cli(*given).stderr == ""


def test_a_listing_that_is_cut_short_says_so(
    cli: Cli, values: Values, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_AT_ONCE", 1)
    assert cli("workers", "list", "--limit", "1").stderr == ""
    told = cli("workers", "list", "--limit", "2").stderr
    assert told == f"there may be more than these 1: {place} lists no more at once\n"
    assert len(values("workers", "list")) == 1


def test_what_happened_is_told_page_by_page(
    cli: Cli, values: Values, here: Cli, remote: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = remote.start("job")
    run.result(timeout=PATIENCE_S)
    monkeypatch.setattr(paging, "MOST_AT_ONCE", 2)
    found = values("events", run.workflow_id)
    assert [each["id"] for each in found] == [each.id for each in run.events()][::-1]
    for form in ("table", "json"):
        words = ("events", run.workflow_id, "-o", form)
        assert cli(*words).stdout == here(*words).stdout
    assert values("events", "--limit", "3") == found[:3]


def test_events_of_a_run_that_is_not_there_are_refused(cli: Cli, here: Cli) -> None:
    for run in (cli, here):
        refused = run("events", "nothing_0000", code=2)
        assert refused.stdout == ""
        assert "no workflow" in refused.stderr


def test_an_error_among_events_is_told_in_one_line(
    cli: Cli, values: Values, here: Cli, failed: str
) -> None:
    told = {each["detail"] for each in values("events", failed)}
    assert "ValueError: boom and a second line" in told
    assert cli("events", failed).stdout == here("events", failed).stdout


def test_what_happens_is_followed(
    cli: Cli, remote: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    happening = Remote.happening
    waiting = remote.start("asking")

    def until_it_ends(server: Remote, path: str, after: int) -> Iterator[dict[str, Any]]:
        waiting.cancel()
        for event in happening(server, path, after):
            yield event
            if (event["workflow_id"], event["kind"]) == (waiting.workflow_id, "run.cancelled"):
                raise KeyboardInterrupt

    monkeypatch.setattr(Remote, "happening", until_it_ends)
    lines = cli("events", waiting.workflow_id, "-f", code=130).stdout.splitlines()
    assert "run.pending" in lines[0]
    assert "run.cancelled" in lines[-1]
    waiting = remote.start("asking")
    last = cli("events", "-f", "--limit", "1", "-o", "json", code=130).stdout.splitlines()[-1]
    assert json.loads(last)["run_id"] == waiting.workflow_id
    monkeypatch.setattr(Remote, "happening", happening)
    assert "no workflow" in cli("events", "nothing_0000", "-f", code=2).stderr


def test_a_run_that_ended_is_listened_to_again(place: str, remote: Client, quick: Quick) -> None:
    waiting = remote.start("asking")
    waiting.cancel()
    with closing(Remote(place, patience=quick)) as there:
        happening = there.happening(f"/workflows/{waiting.workflow_id}/events", 0)
        kinds = [next(happening)["kind"]]
        while kinds[-1] != "run.cancelled":
            kinds.append(next(happening)["kind"])
        there.post(f"/workflows/{waiting.workflow_id}/retry")
        assert next(happening)["kind"] == "run.pending"
        assert isinstance(happening, Generator)
        happening.close()
    waiting.cancel()


def test_a_server_that_stays_away_ends_what_is_followed(
    cli: Cli, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Remote("http://127.0.0.1:9", patience=quick)
    with closing(there), pytest.raises(ServerError, match="cannot reach"):
        next(there.happening("/events", 0))
    monkeypatch.setenv("ORCHESTRATION_URL", "http://127.0.0.1:9")
    assert "cannot reach" in cli("events", "-f", code=3).stderr


def test_a_step_that_waits_is_approved(
    cli: Cli, values: Values, remote: Client, engine: Engine
) -> None:
    run = remote.start("asking")
    run_id = run.workflow_id
    assert "this would approve 1 run" in cli("workflows", "approve", run_id, code=2).stderr
    (told,) = values("workflows", "approve", run_id, "asked", "--reason", "well", "--yes")
    assert told["id"] == run_id
    assert list(run.events())[-1].kind == "run.completed"
    (deed,) = engine.store.read(lambda s: audit.newest(s, 1, text="approve"))
    assert (deed.actor, deed.action) == ("http:loopback: well", "approve")
    refused = cli("workflows", "approve", run_id, "-y", code=2)
    assert f"{run_id} is completed: nothing waits for an approval" in refused.stderr
    assert refused.stdout == ""
    cli("workflows", "approve", "nothing_0000", "-y", code=2)


def test_steps_that_wait_are_rejected_by_a_filter(cli: Cli, values: Values, remote: Client) -> None:
    waiting = {remote.start("asking").workflow_id for _ in range(2)}
    other = remote.start("shaky")
    assert (
        "step 'other' does not wait"
        in cli("workflows", "reject", *waiting, "--step", "other", "-y", code=2).stderr
    )
    told = values("workflows", "reject", "--status", "waiting", "--status", "running", "-y")
    assert {each["id"] for each in told} == waiting
    assert {each["status"] for each in told} == {"cancelled"}
    assert other.phase() is not RunStatus.CANCELLED
    assert values("workflows", "reject", "--command", "asking", "-y") == []
    assert "name runs by id" in cli("workflows", "reject", code=2).stderr
    other.cancel()


@pytest.mark.usefixtures("terminal")
def test_who_is_asked_is_shown_what_he_approves(cli: Cli, here: Cli, remote: Client) -> None:
    run_id = remote.start("asking").workflow_id
    there = cli("workflows", "approve", run_id, code=130)
    assert run_id in there.stdout
    assert "asked" in there.stdout
    assert there.stdout == here("workflows", "approve", run_id, code=130).stdout
    cli("workflows", "cancel", run_id, "-y")


def test_ended_runs_are_forked(cli: Cli, values: Values, remote: Client, engine: Engine) -> None:
    run_id = values("run", "half", code=1)["workflow_id"]
    done = values("run", "job")["workflow_id"]
    assert "add --yes" in cli("workflows", "fork", run_id, code=2).stderr
    forked = cli("workflows", "fork", run_id, "--reason", "again", "-y", "-o", "json")
    assert forked.stderr == "", "whether workers live there the server knows"
    (made,) = json.loads(forked.stdout)
    assert (made["forked_from"], made["reused"]) == (run_id, ["done", "working"])
    assert made["runs_again"] == ["booming (it is not finished)"]
    assert list(remote.workflow(made["id"]).events())[-1].kind == "run.failed"
    (deed,) = engine.store.read(lambda s: audit.newest(s, 1, text="fork"))
    assert deed.actor == "http:loopback: again"
    (made,) = values(*("workflows", "fork", run_id, "-p", "items=a,b,c", "--from", "working", "-y"))
    assert (made["edited"], made["reused"]) == (["items"], ["done"])
    assert remote.workflow(made["id"]).status()["parameters"]["items"] == ["a", "b", "c"]
    filtered = ("workflows", "fork", "--status", "completed", "--command", "job", "-p", "label=x")
    assert done in {each["forked_from"] for each in values(*filtered, "-y")}


def test_what_cannot_be_forked_is_told(cli: Cli, values: Values, remote: Client) -> None:
    run_id = values("run", "half", code=1)["workflow_id"]
    waiting = remote.start("asking")
    result = cli("workflows", "fork", waiting.workflow_id, run_id, "-y", code=2)
    assert f"`orchestrate workflows cancel {waiting.workflow_id}` ends it" in result.stderr
    assert run_id in result.stdout
    assert "no step 'x'" in cli("workflows", "fork", run_id, "--from", "x", "-y", code=2).stderr
    for pair, says in (("count=0", "count: "), ("x=1", "unknown parameter 'x'")):
        assert says in cli("workflows", "fork", run_id, "-p", pair, "-y", code=2).stderr
    assert values("workflows", "fork", "--command", "nothing", "-y") == []
    waiting.cancel()


class Lapses:
    """Errors in place of the answers to some requests that change something, by their number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
        self.errors = dict[int, OrchestrationError]()
        self.asked = 0
        post = Remote.post

        def heard(server: Remote, path: str, body: Any = None, **headers: str) -> Any:
            if path.endswith(verb) and not (body or {}).get("preview"):
                self.asked += 1
                if error := self.errors.pop(self.asked, None):
                    raise error
            return post(server, path, body, **headers)

        monkeypatch.setattr(Remote, "post", heard)


def test_forks_that_were_made_are_told_though_others_fail(
    cli: Cli, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = [values("run", "job")["workflow_id"] for _ in range(3)]
    lapses = Lapses(monkeypatch, "/fork")
    words = ("workflows", "fork", *ended, "--from", "working", "-y", "-o", "json")
    for number, error, made, code in (
        (2, StateError("it is odd"), [ended[0], ended[2]], 2),
        (5, ServerError("it is away"), ended[:1], 3),
    ):
        lapses.errors[number] = error
        told = cli(*words, code=code)
        assert [each["forked_from"] for each in json.loads(told.stdout)] == made
        assert told.stderr == f"orchestrate: {error}\n"
    assert lapses.asked == 5, "what every later one would meet ends them"


def test_answers_that_were_given_are_told_though_others_fail(
    cli: Cli, remote: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [remote.start("asking").workflow_id for _ in range(3)]
    for each in map(remote.workflow, waiting):
        eventually(lambda each=each: each.phase() is RunStatus.WAITING, within=PATIENCE_S)  # type: ignore[misc]
    lapses = Lapses(monkeypatch, "/approve")
    lapses.errors = {2: NotFoundError("it is gone"), 4: ServerError("it is away")}
    told = cli("workflows", "approve", *waiting, "-y", "-o", "json", code=2)
    assert [each["id"] for each in json.loads(told.stdout)] == [waiting[0], waiting[2]]
    assert told.stderr == "orchestrate: it is gone\n"
    told = cli("workflows", "approve", waiting[1], "-y", code=3)
    assert (told.stdout, told.stderr) == ("", "orchestrate: it is away\n")
    cli("workflows", "cancel", waiting[1], "-y")
