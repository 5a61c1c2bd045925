"""Verbs about the fleet do behind a server what they do with a store: output and exit codes."""

import json
from typing import Any

import pytest

from orchestration import Client
from orchestration.cli import bulk
from orchestration.desk.queues import HARMFUL, HARMLESS
from orchestration.engine import Engine
from orchestration.errors import ServerError
from orchestration.remote import Remote
from orchestration.store import audit, runs
from tests.cli.test_dead_letters import bury, order
from tests.web.conftest import Cli, Values


def test_messages_are_shown_replayed_and_discarded(
    cli: Cli, values: Values, engine: Engine
) -> None:
    first, second = bury(engine, order("bad")), bury(engine, order("jab"))
    shown = values("dead-letters", "show", str(first))
    assert shown["body"]["payload"] == {"command_type": "bad"}
    assert "add --yes" in cli("dead-letters", "replay", str(first), code=2).stderr
    told = values("dead-letters", "replay", "--sender", "boss", "--yes", code=1)
    assert [each["id"] for each in told] == [first, second], "the oldest first"
    assert told[0] == {"id": first, "outcome": "handled", "died_as": None}
    (again,) = values("dead-letters", "list", "--sender", "boss")
    assert told[1]["died_as"] == again["id"]
    run = engine.store.read(lambda s: runs.newest(s, 1))[0]
    assert (run.command, run.sender) == ("bad", "boss")
    told = values("dead-letters", "discard", str(again["id"]), "-y")
    assert told == [{"id": again["id"], "outcome": "discarded", "died_as": None}]
    assert values("dead-letters", "list", "--sender", "boss") == []
    assert "dead-letters list" in cli("dead-letters", "show", str(first), code=2).stderr
    assert "not both" in cli("dead-letters", "replay", "7", "--sender", "x", code=2).stderr
    assert "name messages by id" in cli("dead-letters", "discard", code=2).stderr


def test_many_messages_are_settled_in_few_requests(
    cli: Cli, values: Values, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHANGED_AT_ONCE", 2)
    ids = [bury(engine, order("jab"), sender="many") for _ in range(5)]
    told = values("dead-letters", "replay", "--sender", "many", "-y", code=1)
    assert [each["id"] for each in told] == ids
    bury(engine, b"{", sender="many", masked=True)
    assert "is not whole" in cli("dead-letters", "replay", "--sender", "many", "-y", code=1).stderr
    post, asked = Remote.post, list[str]()

    def heard(server: Remote, path: str, body: Any = None, **headers: str) -> Any:
        asked.append(path)
        if len(asked) == 2:
            raise ServerError("it is away")
        return post(server, path, body, **headers)

    monkeypatch.setattr(Remote, "post", heard)
    cut_off = cli("dead-letters", "discard", "--sender", "boss", "-y", "-o", "json", code=3)
    assert cut_off.stderr == "orchestrate: it is away\n"
    assert len(json.loads(cut_off.stdout)) == 2
    monkeypatch.setattr(Remote, "post", post)
    for sender in ("many", "boss"):
        cli("dead-letters", "discard", "--sender", sender, "-y")


def test_a_schedule_lives_through_all_its_verbs(
    cli: Cli, values: Values, remote: Client, engine: Engine
) -> None:
    add = ("schedules", "add", "nightly", "job", "--cron", "30 6 * * mon-fri", "-p", "count=3")
    (added,) = values(*add, "--timezone", "America/New_York")
    assert added["parameters"]["count"] == 3
    assert "there is a schedule 'nightly' already" in cli(*add, code=2).stderr
    (paused,) = values("schedules", "pause", "nightly")
    assert (paused["status"], paused["next_at"]) == ("paused", None)
    (resumed,) = values("schedules", "resume", "nightly")
    assert resumed == added
    run_id = values("schedules", "trigger", "nightly")["workflow_id"]
    assert remote.workflow(run_id).status()["parameters"]["count"] == 3
    assert cli("schedules", "trigger", "nightly").stdout.startswith("job_")
    assert [each["name"] for each in values("schedules", "list", "--limit", "1")] == ["nightly"]
    assert values("schedules", "remove", "nightly") == {"removed": "nightly"}
    assert values("schedules", "list") == []
    for verb in ("remove", "pause", "trigger"):
        assert "no schedule 'nightly'" in cli("schedules", verb, "nightly", code=2).stderr
    words = ("schedules", "add", "x", "fly", "--cron", "0 6 * * *")
    assert "unknown command 'fly'" in cli(*words, code=2).stderr
    (deed,) = engine.store.read(lambda s: audit.newest(s, 1, text="add_schedule"))
    assert deed.actor == "http:loopback"


def test_tokens_are_made_listed_and_revoked(cli: Cli, values: Values, here: Cli) -> None:
    made = values("tokens", "add", "ann", "--role", "approver")
    assert (made["name"], made["role"]) == ("ann", "approver")
    assert made["token"].startswith("orc_")
    assert cli("tokens", "add", "bob").stdout.startswith("orc_")
    assert [each["name"] for each in values("tokens", "list")] == ["bob", "ann"]
    assert cli("tokens", "list").stdout == here("tokens", "list").stdout
    assert "there is a token 'ann' already" in cli("tokens", "add", "ann", code=2).stderr
    for name in ("ann", "bob"):
        assert values("tokens", "revoke", name) == {"revoked": name}
    assert "no token 'ann'" in cli("tokens", "revoke", "ann", code=2).stderr


def test_agents_are_paused_and_resumed_all_or_none(cli: Cli, values: Values) -> None:
    assert values("agents", "pause", "worker", "--reason", "ill") == [
        {"name": "worker", "paused": True, "paused_by": ["http:loopback"]}
    ]
    (listed,) = values("agents", "list")
    assert listed["paused_by"] == ["http:loopback"]
    resumed = {"paused": False, "paused_by": [], "lifted": ["http:loopback"]}
    resumed |= {"circuit_closed": False}
    assert values("agents", "resume", "worker") == [{"name": "worker", **resumed}]
    for verb in ("pause", "resume"):
        refused = cli("agents", verb, "worker", "nobody", code=2).stderr
        assert "no agent 'nobody' was ever seen; known agents: worker" in refused
    assert not values("agents", "list")[0]["paused"]


QUEUES: list[dict[str, Any]] = [
    {"queue": "worker", "agent": "worker", "ready": 1, "queued": 2, "running": 3, "depth": 4},
    {"queue": "orchestration_agent", "agent": None, "depth": 5},
]
RATES = {"unacked": None, "consumers": 1, "in_per_second": None, "out_per_second": None}


def test_queues_behind_a_server_with_a_broker(
    cli: Cli, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no queue to purge" in cli("queues", "purge", "worker", "-y", code=2).stderr
    rates = {**RATES}
    monkeypatch.setattr(Remote, "get", lambda *_: [{**each, **rates} for each in QUEUES])
    monkeypatch.setattr(Remote, "post", lambda _, path: {"queue": path, "dropped": 4})
    listed = cli("queues")
    assert "depth" in listed.stdout
    assert "set RABBITMQ_MANAGEMENT_URL" in listed.stderr
    agents = [{**QUEUES[0], "queue": f"worker{number}"} for number in range(60)]
    with monkeypatch.context() as patch:
        patch.setattr(Remote, "get", lambda *_: [{**each, **rates} for each in agents + QUEUES])
        assert len(values("queues")) == 62, "no limit cuts off the orchestrator's own"
        assert len(values("queues", "--limit", "61")) == 61
    rates |= {"unacked": 0}
    assert cli("queues", "list").stderr == ""
    for name, consequence in (("worker", HARMLESS), ("orchestration_agent", HARMFUL)):
        assert consequence in cli("queues", "purge", name, code=2).stderr
    assert "no queue 'nothing' of this fleet" in cli("queues", "purge", "nothing", code=2).stderr
    assert values("queues", "purge", "worker", "-y") == [
        {"queue": "/queues/worker/purge", "dropped": 4}
    ]


@pytest.mark.parametrize(
    "words",
    [
        *("workflows export", "workers stacks worker", "migrate", "migrate --check"),
        *("migrate --to postgresql://nowhere/x", "backup nothing", "restore nothing"),
    ],
)
def test_what_a_server_has_no_route_for_is_refused(cli: Cli, words: str) -> None:
    assert "this verb works on a store itself" in cli(*words.split(), code=2).stderr
