"""An emergency stop over the bus: it overtakes, outside agents are told, and answer."""

import json
import threading
from collections.abc import Iterator

import pytest

from orchestration.bus import topology
from orchestration.engine.by import By
from orchestration.messages import Envelope
from orchestration.runtime.door import Delivery, Door, Operation
from orchestration.store import control, stops
from orchestration.views import emergency
from tests.bus.orchestra import Orchestra
from tests.eventually import eventually

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def stopped(orchestra: Orchestra) -> Iterator[Orchestra]:
    yield orchestra
    if orchestra.read(stops.is_stopped):
        orchestra.engine.release(By("tests"))


def test_agents_are_told_and_their_answers_count(stopped: Orchestra) -> None:
    requester, good, mute = (stopped.peer(name) for name in ("asks_stop", "stops_well", "mute"))
    for peer in (good, mute):
        peer.say("heartbeat", {"status": "running"})
        eventually(lambda p=peer: stopped.known(p.name), within=20)  # type: ignore[misc]
    work = requester.order("ask_slow_agent", {})
    requester.run_of(work)
    sent = requester.order("emergency_stop", {"reason": "prices look wrong"})
    order = good.commanded("emergency_stop")
    assert order["priority"] == 4
    assert order["payload"]["parameters"] == {"reason": "prices look wrong"}
    good.say(
        "response",
        {"command": "emergency_stop", "status": "completed", "result": {"acknowledged": True}},
        correlation_id=order["id"],
    )
    eventually(lambda: "stops_well" in names(stopped, "acknowledged"), within=20)
    assert "mute" in names(stopped, "silent")
    assert requester.final(work)["status"] == "cancelled"
    assert requester.final(sent, within=30)["status"] == "completed"
    refused = requester.order("restart_discovery_system", {})
    error = requester.wait(
        lambda m: m["message_type"] == "error" and m["correlation_id"] == refused
    )
    assert "orchestrate emergency release" in error["payload"]["error_message"]


def test_an_answer_in_another_ones_name_is_none(stopped: Orchestra) -> None:
    peer = stopped.peer("impostor")
    epoch = stopped.engine.stop_everything(By("ann", "x"))
    named = f"stop:{stopped.read(control.own_id)}:{epoch}:mute"
    peer.say("response", {"status": "completed"}, correlation_id=named)
    peer.wait(lambda m: m["message_type"] == "error")
    assert "mute" not in names(stopped, "acknowledged")


def test_a_stop_on_its_own_key_comes_by_its_own_queue_and_counts_once(stopped: Orchestra) -> None:
    peer = stopped.peer("asks_stop_2")
    envelope = {
        "id": "stop-now-1",
        "message_type": "command",
        "sender": peer.name,
        "recipient": "orchestration_agent",
        "payload": {"command_type": "emergency_stop", "parameters": {"reason": "now"}},
    }
    before = stopped.read(stops.epoch)
    peer.publish(json.dumps(envelope).encode(), "orchestration.emergency_stop")
    assert peer.final("stop-now-1", within=30)["status"] == "completed"
    peer.listen(0.5)
    acknowledged = {m["id"] for m in peer.heard if "command_received" in m["payload"]}
    assert len(acknowledged) == 1  # told twice if its confirm was late, and by one id
    assert stopped.read(stops.epoch) == before + 1


def test_a_stop_on_its_own_key_waits_for_no_other_message(
    stopped: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on = Door.read, threading.Event()

    def slow(door: Door, delivery: Delivery) -> Operation | Envelope | None:
        assert delivery.queue == topology.CONTROL or go_on.wait(60)
        return read(door, delivery)

    peer = stopped.peer("asks_stop_3")
    with monkeypatch.context() as patch:
        patch.setattr(Door, "read", slow)
        try:
            envelope = {
                "id": "stop-now-2",
                "message_type": "command",
                "sender": peer.name,
                "recipient": "orchestration_agent",
                "payload": {"command_type": "emergency_stop", "parameters": {"reason": "now"}},
            }
            peer.publish(json.dumps(envelope).encode(), "orchestration.emergency_stop")
            eventually(lambda: stopped.read(stops.is_stopped), within=20)
        finally:
            go_on.set()


def names(orchestra: Orchestra, which: str) -> list[str]:
    return [each["name"] for each in orchestra.read(emergency.status)[which]]
