"""Messages that could not be used are listed, shown, replayed and discarded."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.cli import selecting
from orchestration.client import Client
from orchestration.engine import Engine
from orchestration.state import RunStatus
from orchestration.store import agents, dead_letters, runs
from orchestration.store.dead_letters import DeadLetter
from tests.cli.conftest import Cli

Values = Callable[..., Any]


def bury(engine: Engine, body: bytes, **more: Any) -> int:
    letter = DeadLetter(
        **{
            "reason": "command_rejected",
            "detail": "unknown command",
            "routing_key": "command.orchestration",
            "body": body,
            "sender": "boss",
            **more,
        }
    )
    engine.store.write(lambda s: dead_letters.add(s, letter, engine.clock.now()))
    return engine.store.read(dead_letters.last_id)


def order(command: str, message_id: str = "m-1") -> bytes:
    return envelope("command", {"command_type": command}, message_id)


def envelope(kind: str, payload: dict[str, Any], message_id: str = "m-1") -> bytes:
    message = {
        "id": message_id,
        "message_type": kind,
        "sender": "boss",
        "recipient": "orchestration_agent",
        "payload": payload,
    }
    return json.dumps(message).encode()


def test_they_are_listed_newest_first_and_filtered(values: Values, client: Client) -> None:
    first = bury(client.engine, b"{", reason="bad_json", sender=None)
    second = bury(client.engine, order("jab"))
    found = values("dead-letters", "list")
    assert [each["id"] for each in found] == [second, first]
    assert found[0].items() >= {"reason": "command_rejected", "sender": "boss"}.items()
    assert [each["id"] for each in values("dead-letters", "list", "--reason", "bad_json")] == [
        first
    ]
    assert [each["id"] for each in values("dead-letters", "list", "--sender", "boss")] == [second]
    assert len(values("dead-letters", "list", "--limit", "1")) == 1


@pytest.mark.parametrize(
    ("body", "shown"),
    [(b'{"a": [1]}', {"a": [1]}), (b"\xff{", "\\xff{"), (b"[" * 99_999, "[" * 99_999)],
)
def test_one_is_shown_with_its_body(
    values: Values, client: Client, body: bytes, shown: object
) -> None:
    letter = bury(client.engine, body)
    found = values("dead-letters", "show", str(letter))
    assert found["body"] == shown
    assert found["detail"] == "unknown command"


def test_one_that_is_not_there_says_where_to_look(cli: Cli, client: Client) -> None:
    client.start("job")
    assert "orchestrate dead-letters list" in cli("dead-letters", "show", "7", code=2).stderr


def test_a_replayed_command_starts_its_run_once(values: Values, client: Client) -> None:
    engine = client.engine
    letter = bury(engine, order("job"))
    found = values("dead-letters", "replay", str(letter), "--yes")
    assert found == [{"id": letter, "outcome": "handled", "died_as": None}]
    (run,) = engine.store.read(lambda s: runs.newest(s, 10))
    assert (run.command, run.sender, run.status) == ("job", "boss", RunStatus.RUNNING)
    assert values("dead-letters", "list") == []
    again = bury(engine, order("job"))
    values("dead-letters", "replay", str(again), "--yes")
    assert len(engine.store.read(lambda s: runs.newest(s, 10))) == 1
    subjects = engine.store.read(lambda s: s.all("SELECT action, subject FROM audit ORDER BY id"))
    assert ("replay", f"dead letter {letter} (command_rejected)") in subjects


def test_a_replayed_heartbeat_is_one(values: Values, client: Client) -> None:
    letter = bury(client.engine, envelope("heartbeat", {"status": "busy"}))
    values("dead-letters", "replay", str(letter), "-y")
    (boss,) = client.engine.store.read(agents.everyone)
    assert (boss.name, boss.status) == ("boss", "busy")


def test_what_dies_again_is_kept_again(values: Values, client: Client) -> None:
    bury(client.engine, order("jab"))
    (told,) = values("dead-letters", "replay", "--sender", "boss", "--yes", code=1)
    (kept,) = values("dead-letters", "list")
    assert told["died_as"] == kept["id"]
    assert "unknown command 'jab'" in kept["detail"]


def test_what_was_for_somebody_else_is_only_forgotten(values: Values, client: Client) -> None:
    body = envelope("data", {}).replace(b"orchestration_agent", b"somebody_else")
    letter = bury(client.engine, body)
    values("dead-letters", "replay", str(letter), "--yes")
    assert values("dead-letters", "list") == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [({"masked": True}, "is not whole"), ({"reason": "user_id"}, "does not speak for boss")],
)
def test_what_cannot_be_replayed_says_why(
    cli: Cli, client: Client, more: dict[str, Any], problem: str
) -> None:
    letter = bury(client.engine, order("job"), **more)
    assert problem in cli("dead-letters", "replay", str(letter), "--yes", code=1).stderr
    assert cli("dead-letters", "list").stdout.count("boss") == 1


def test_discarded_ones_are_gone(values: Values, client: Client) -> None:
    for _ in range(3):
        bury(client.engine, b"{", reason="bad_json")
    other = bury(client.engine, order("job"))
    values("dead-letters", "discard", "--reason", "bad_json", "--yes")
    assert [each["id"] for each in values("dead-letters", "list")] == [other]


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_one_that_goes_while_somebody_is_asked_is_refused(
    cli: Cli, client: Client, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    engine, letter = client.engine, bury(client.engine, order("job"))

    def take_it_away(*_: object, **__: object) -> None:
        engine.store.write(lambda s: dead_letters.discard(s, letter))

    monkeypatch.setattr(selecting, "ask", take_it_away)
    said = cli("dead-letters", verb, str(letter), code=1)
    assert f"dead letter {letter}" in said.stderr
    assert "discarded" not in said.stdout
    assert engine.store.read(lambda s: s.all("SELECT subject FROM audit")) == []


def test_somebody_is_asked(
    cli: Cli, values: Values, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = str(bury(client.engine, order("job")))
    assert "would replay 1 message" in cli("dead-letters", "replay", letter, code=2).stderr
    assert (
        "give ids or a filter"
        in cli("dead-letters", "discard", letter, "--sender", "boss", code=2).stderr
    )
    assert "name messages by id" in cli("dead-letters", "discard", code=2).stderr
    monkeypatch.setattr(selecting, "is_terminal", lambda: True)
    cli("dead-letters", "discard", letter, code=1, stdin="n\n")
    assert len(values("dead-letters", "list")) == 1
