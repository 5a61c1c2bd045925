"""What is no message ends as a dead letter, and delays nothing."""

import json
import threading
from typing import Any

import pytest

from orchestration.engine import intake
from orchestration.engine.transaction import Transaction
from orchestration.messages import Envelope
from orchestration.runtime.door import Door
from orchestration.runtime.ingress import Ingress
from tests.bus.orchestra import Orchestra
from tests.bus.peer import EXCHANGE
from tests.eventually import eventually

pytestmark = pytest.mark.rabbitmq

GOOD: dict[str, Any] = {
    "id": "bad-1",
    "message_type": "command",
    "sender": "clumsy",
    "recipient": "orchestration_agent",
    "payload": {"command_type": "integrate_real_data"},
}
DRAMATIQ = {
    "queue_name": "management_agent",
    "actor_name": "management_agent",
    "args": [],
    "kwargs": {},
    "options": {},
    "message_id": "x",
    "message_timestamp": 1,
}


def changed(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


BODIES = {
    "empty": (b"", "bad_json"),
    "truncated": (changed()[:-9], "bad_json"),
    "nan": (changed(payload={"n": float("nan")}), "bad_json"),
    "infinity": (changed(payload={"n": 1}).replace(b": 1}", b": 1e999}"), "bad_json"),
    "latin-1": (changed().replace(b"clumsy", b"clums\xff"), "bad_encoding"),
    "utf-16": (changed().decode().encode("utf-16"), "bad_encoding"),
    "a list": (b"[]", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "long fraction": (
        changed(payload={"n": 1}).replace(b": 1}", b": " + b"9" * 400 + b".5}"),
        "bad_json",
    ),
    "a number": (b"1e999", "not_an_object"),
    "deep": (changed(payload={"n": nested(100)}), "too_deep"),
    "very deep": (b"[" * 100_000, "too_deep"),
    "huge": (changed(payload={"n": "x" * 2**20}), "too_large"),
    "unknown type": (changed(message_type="wish"), "unknown_type"),
    "type is a list": (changed(message_type=[]), "unknown_type"),
    "no id": (without("id"), "wrong_field"),
    "no payload": (without("payload"), "wrong_field"),
    "payload is text": (changed(payload="x"), "wrong_field"),
    "long id": (changed(id="x" * 201), "wrong_field"),
    "numeric id": (changed(id=7), "wrong_field"),
    "nul in the id": (changed(id="a\0b"), "wrong_field"),
    "dotted sender": (changed(sender="a.b"), "wrong_field"),
    "priority 9": (changed(priority=9), "wrong_field"),
    "priority is true": (changed(priority=True), "wrong_field"),
    "year 1 in Samoa": (changed(timestamp="0001-01-01T00:00:00+14:00"), "wrong_field"),
    "no time": (changed(timestamp="noon"), "wrong_field"),
    "native": (json.dumps(DRAMATIQ).encode(), "wrong_field"),
    "large number": (changed(payload={"n": 1}).replace(b": 1}", b": " + b"9" * 5_000 + b"}"), None),
}


def test_each_is_kept_with_its_reason_and_the_next_message_is_handled(
    orchestra: Orchestra,
) -> None:
    peer = orchestra.peer("careful")
    for number, (body, _) in enumerate(BODIES.values()):
        peer.publish(body, f"error.odd-{number}")
    peer.final(peer.order("integrate_real_data", {}))
    eventually(lambda: len(found(orchestra)) == len(BODIES), within=10)
    rows = found(orchestra)
    reasons = {name: rows.get(f"error.odd-{n}") for n, name in enumerate(BODIES)}
    assert reasons == {name: reason or "bad_json" for name, (_, reason) in BODIES.items()}


def found(orchestra: Orchestra) -> dict[str, str]:
    sql = "SELECT routing_key, reason FROM dead_letters WHERE routing_key LIKE 'error.odd-%'"
    return {row[0]: row[1] for row in orchestra.read(lambda s: s.all(sql))}


def test_the_sender_is_told_where_it_can_be_read(orchestra: Orchestra) -> None:
    peer = orchestra.peer("clumsy_1")
    peer.publish(changed(sender="clumsy_1", priority=9), "command.orchestration")
    error = peer.wait(lambda m: m["message_type"] == "error")["payload"]
    assert error["error_type"] == "wrong_field"
    assert error["original_message_id"] == "bad-1"
    peer.listen(0.3)
    assert len(peer.heard) == 1, "the copy from the other queue is not answered again"


@pytest.mark.parametrize("kind", ["error", "heartbeat"])
def test_errors_and_heartbeats_are_never_answered(orchestra: Orchestra, kind: str) -> None:
    peer = orchestra.peer(f"clumsy_{kind}")
    body = changed(sender=peer.name, priority=9, message_type=kind)
    peer.publish(body, f"{kind}.orchestration")
    eventually(lambda: orchestra.dead(peer.name), within=10)
    peer.final(peer.order("integrate_real_data", {}))
    assert not [m for m in peer.heard if m["message_type"] == "error"]


def test_we_never_answer_ourselves(orchestra: Orchestra) -> None:
    peer = orchestra.peer("mimic")
    peer.publish(changed(sender="orchestration_agent", priority=9), "command.orchestration")
    eventually(lambda: orchestra.dead("orchestration_agent"), within=10)
    peer.final(peer.order("integrate_real_data", {}))
    assert orchestra.known("orchestration_agent") is None


@pytest.mark.parametrize("kind", ["heartbeat", "command", "response", "error"])
def test_what_bears_our_own_name_is_nothing_to_us(orchestra: Orchestra, kind: str) -> None:
    peer, name = orchestra.peer("mimic_2"), "rabbitmq_orchestration_agent"
    peer.say(kind, {"command_type": "integrate_real_data", "status": "running"}, sender=name)
    peer.final(peer.order("integrate_real_data", {}))
    assert orchestra.known(name) is None
    assert orchestra.dead(name) == []


TOO_MUCH: dict[str, dict[str, Any]] = {
    "metrics": {"metrics": {"m": "x" * 20_000}},
    "many": {"capabilities": ["c"] * 101},
    "long": {"capabilities": ["c" * 101]},
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_an_agent_says_only_so_much_of_itself(orchestra: Orchestra, name: str) -> None:
    peer = orchestra.peer(f"talks_{name}")
    peer.say("heartbeat", {"status": "running", **TOO_MUCH[name]})
    eventually(lambda: orchestra.dead(peer.name), within=20)
    assert [letter.reason for letter in orchestra.dead(peer.name)] == ["too_large"]
    assert orchestra.known(peer.name) is None
    good = {"metrics": {"m": "x" * 10_000}, "capabilities": ["c" * 100] * 100}
    peer.say("heartbeat", {"status": "running", "note": "y" * 20_000, **good})
    eventually(lambda: orchestra.known(peer.name), within=20)
    assert [m for m in peer.heard if m["message_type"] == "error"] == []


def test_an_answer_is_never_sent_to_ourselves(orchestra: Orchestra) -> None:
    peer = orchestra.peer("diverts")
    sent = peer.order("integrate_real_data", {}, reply_to="orchestration_agent")
    assert peer.final(sent)["status"] == "completed"


def test_one_sender_gets_at_most_ten_errors_a_minute(orchestra: Orchestra) -> None:
    peer = orchestra.peer("clumsy_2")
    for number in range(15):
        peer.publish(changed(id=f"n{number}", sender=peer.name, priority=9), "data.orchestration")
    eventually(lambda: len(orchestra.dead(peer.name)) == 15, within=10)
    peer.final(peer.order("integrate_real_data", {}))
    assert len([m for m in peer.heard if m["message_type"] == "error"]) == 10


def test_a_message_that_breaks_its_handler_comes_no_second_time(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("nobody thought of this")

    peer = orchestra.peer("unlucky")
    with monkeypatch.context() as patch:
        patch.setattr("orchestration.engine.intake.keep_data", broken)
        peer.say("data", {"data_type": "x"})
        sql = "SELECT detail FROM dead_letters WHERE reason = 'failed'"
        eventually(lambda: orchestra.read(lambda s: s.one(sql)), within=10)
    told = peer.wait(lambda m: m["message_type"] == "error")["payload"]
    assert "nobody thought of this" in told["error_message"]
    assert peer.final(peer.order("integrate_real_data", {}))["status"] == "completed"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"share": "inf"}, "not JSON compliant"),
        ({"share": "nan"}, "not JSON compliant"),
        ({"limits": {"least": 1}}, "KeyError: 'most'"),
    ],
)
def test_parameters_that_break_their_model_are_refused_in_words(
    orchestra: Orchestra, parameters: dict[str, Any], problem: str
) -> None:
    peer = orchestra.peer("breaks_models")
    sent = peer.order("delicate", parameters)
    error = peer.wait(lambda m: m["message_type"] == "error" and m["correlation_id"] == sent)
    assert problem in error["payload"]["error_message"]
    assert peer.final(peer.order("delicate", {}))["status"] == "completed"


@pytest.mark.parametrize("parameters", [0, "", False, []])
def test_parameters_that_are_no_object_are_refused(orchestra: Orchestra, parameters: Any) -> None:
    peer = orchestra.peer("no_object")
    sent = peer.order("delicate", parameters)
    error = peer.wait(lambda m: m["message_type"] == "error" and m["correlation_id"] == sent)
    assert "parameters an object" in error["payload"]["error_message"]


def test_a_message_that_breaks_the_door_is_kept_and_its_sender_told(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("nobody thought of this door")

    peer = orchestra.peer("breaks_doors")
    with monkeypatch.context() as patch:
        patch.setattr(Door, "_received", broken)
        peer.say("data", {"data_type": "x"})
        told = peer.wait(lambda m: m["message_type"] == "error")["payload"]
        peer.publish(b"\xff", "data.orchestration")
    assert told["error_type"] == "failed"
    assert "nobody thought of this door" in told["error_message"]
    assert [letter.reason for letter in orchestra.dead(peer.name)] == ["failed"]
    assert peer.final(peer.order("integrate_real_data", {}))["status"] == "completed"


def test_the_ingress_starts_again_after_an_error_that_nobody_thought_of(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    broke = threading.Event()

    def broken(*_: object) -> None:
        broke.set()
        raise OverflowError("nobody thought of this loop")

    peer = orchestra.peer("breaks_loops")
    with monkeypatch.context() as patch:
        patch.setattr(Ingress, "_keep_beat", broken)
        peer.say("heartbeat", {"status": "running"})
        assert broke.wait(20)
    assert peer.final(peer.order("integrate_real_data", {}))["status"] == "completed"


def test_a_heartbeat_that_cannot_be_written_spoils_no_other(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = intake.beat

    def broken(tx: Transaction, envelope: Envelope) -> None:
        if envelope.sender == "unlucky":
            raise OverflowError("nobody thought of this")
        beat(tx, envelope)

    unlucky, lucky = orchestra.peer("unlucky"), orchestra.peer("lucky")
    with monkeypatch.context() as patch:
        patch.setattr(intake, "beat", broken)
        unlucky.say("heartbeat", {"status": "running"})
        lucky.say("heartbeat", {"status": "running"})
        eventually(lambda: orchestra.known("lucky"), within=20)
    unlucky.say("heartbeat", {"status": "better"})
    eventually(
        lambda: (known := orchestra.known("unlucky")) and known.status == "better", within=20
    )


def test_an_odd_routing_key_and_an_odd_death_are_survived(orchestra: Orchestra) -> None:
    peer = orchestra.peer("odd")
    peer.channel.basic_publish(EXCHANGE, "error.\udcff".encode("utf-8", "surrogateescape"), b"x")
    peer.channel.basic_publish("orchestration_dead", "x.y", b"dead")
    assert peer.final(peer.order("integrate_real_data", {}))["status"] == "completed"
