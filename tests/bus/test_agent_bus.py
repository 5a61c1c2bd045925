"""What each method of an agent's bus promises, on a real server."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus, MessagePriority, send_messages
from orchestration.bus.address import address_of
from orchestration.bus.link import link_to
from orchestration.errors import BrokerError, RejectedError
from tests.bus.hearing import PATIENCE_S, Hearing, play
from tests.bus.peer import EXCHANGE, Message, Peer
from tests.rabbitmq import control

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, bus_vhost: str) -> None:
    monkeypatch.setenv("RABBITMQ_URL", bus_vhost)
    monkeypatch.setenv("HEARTBEAT_INTERVAL", "0.2")


@pytest.fixture
def orchestrator(bus_vhost: str) -> Any:
    """A program that hears what the orchestrator would hear."""
    peer = Peer(bus_vhost, "orchestration")
    peer.channel.queue_bind(peer.queue, EXCHANGE, "heartbeat.orchestration")
    yield peer
    peer.close()


def test_a_message_is_an_envelope_on_the_contract_s_key(orchestrator: Peer) -> None:
    seen = []

    async def scenario() -> None:
        async with AgentMessageBus("speaker") as bus:
            seen.append(
                await bus.send_message(
                    "orchestration_agent",
                    "command",
                    {"command_type": "x"},
                    correlation_id="about",
                    priority=MessagePriority.CRITICAL,
                    reply_to="boss",
                    message_id="chosen",
                )
            )

    play(scenario)
    message = orchestrator.wait(lambda m: m["id"] == "chosen")
    assert seen == ["chosen"]
    timestamp = message.pop("timestamp")
    assert timestamp.endswith("+00:00")
    assert message == {
        "id": "chosen",
        "message_type": "command",
        "sender": "speaker",
        "recipient": "orchestration_agent",
        "payload": {"command_type": "x"},
        "correlation_id": "about",
        "priority": 4,
        "reply_to": "boss",
        "routing_key": "command.orchestration",
    }


def test_a_message_is_on_disk_and_says_who_is_logged_in(bus_vhost: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(bus_vhost))
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.queue_declare("taker")
    channel.queue_bind("taker", EXCHANGE, "data.taker")

    async def scenario() -> None:
        async with AgentMessageBus("speaker") as bus:
            await bus.send_data("prices", {"n": 1}, recipient="taker")

    play(scenario)
    method, properties, _ = channel.basic_get("taker", auto_ack=True)
    assert method is not None, "it was confirmed, so it is there"
    assert properties is not None
    assert (properties.delivery_mode, properties.user_id) == (2, "guest")
    assert (properties.content_type, properties.type) == ("application/json", "data")
    connection.close()


@pytest.mark.parametrize(
    ("say", "payload"),
    [
        (
            lambda bus: bus.send_data("prices", {"n": 1}),
            {"data_type": "prices", "data": {"n": 1}},
        ),
        (
            lambda bus: bus.report_error("DiskFull", "no space"),
            {"error_type": "DiskFull", "error_message": "no space", "critical": False},
        ),
        (
            lambda bus: bus.report_error("DiskFull", "no space", critical=True, workflow_id="w"),
            {
                "error_type": "DiskFull",
                "error_message": "no space",
                "critical": True,
                "workflow_id": "w",
            },
        ),
        (lambda bus: bus.send_heartbeat(), {"status": "running"}),
        (
            lambda bus: bus.send_heartbeat("busy", {"cpu": 1}, ["a"]),
            {"status": "busy", "metrics": {"cpu": 1}, "capabilities": ["a"]},
        ),
    ],
)
def test_the_short_forms_send_the_guide_s_payloads(
    orchestrator: Peer, say: Callable[[AgentMessageBus], Any], payload: Message
) -> None:
    sent = []

    async def scenario() -> None:
        async with AgentMessageBus("speaker") as bus:
            sent.append(await say(bus))

    play(scenario)
    assert orchestrator.wait(lambda m: m["id"] == sent[0])["payload"] == payload


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"recipient": "a.b"}, "recipient"),
        ({"message_type": "wish"}, "unknown; known: command"),
        ({"payload": {"n": float("nan")}}, "not JSON"),
        ({"payload": {"n": object()}}, "not JSON"),
        ({"payload": [1]}, "a dict"),
        ({"payload": {"n": "x" * 2**20}}, "bytes"),
        ({"priority": 5}, "priority"),
        ({"message_id": "x" * 201}, "message_id"),
    ],
)
def test_a_wrong_message_is_refused_before_it_is_sent(fields: Message, part: str) -> None:
    right: Message = {"recipient": "x", "message_type": "data", "payload": {}}

    async def scenario() -> None:
        async with AgentMessageBus("speaker") as bus:
            with pytest.raises(RejectedError, match=part):
                await bus.send_message(**{**right, **fields})

    play(scenario)


def test_who_is_not_connected_is_told_so() -> None:
    async def scenario() -> None:
        with pytest.raises(BrokerError, match="await connect"):
            await AgentMessageBus("speaker").send_heartbeat()

    play(scenario)


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"port": 1}, "refused"),
        ({"password": "wrong"}, "ACCESS_REFUSED"),
        ({"virtual_host": "no"}, "no"),
    ],
)
def test_a_broker_that_is_away_or_refuses_is_named(config: Message, part: str) -> None:
    async def scenario() -> None:
        bus = AgentMessageBus("speaker", config)
        with pytest.raises(BrokerError, match=part):
            await bus.connect()
        await bus.disconnect()

    play(scenario)


def test_the_agents_of_a_process_share_a_connection_and_have_a_channel_each(
    bus_vhost: str,
) -> None:
    vhost = bus_vhost.rpartition("/")[2]

    async def scenario() -> None:
        async with Hearing("first"), Hearing("second"), AgentMessageBus("third") as third:
            await third.send_heartbeat()
            assert await asyncio.to_thread(listed, "connections", vhost) == 1
            assert await asyncio.to_thread(listed, "channels", vhost) == 3

    play(scenario)


def listed(what: str, vhost: str) -> int:
    found = control("list_" + what, "vhost", "name")
    return sum(line.split("\t")[0] == vhost for line in found.splitlines())


def test_many_messages_go_in_one_window(orchestrator: Peer) -> None:
    sent = []

    async def scenario() -> None:
        async with AgentMessageBus("speaker") as bus:
            same = {"recipient": "orchestration_agent", "message_type": "data"}
            numbered = ({**same, "payload": {"n": n}} for n in range(1_234))
            sent.extend(await send_messages(bus, numbered))
            with pytest.raises(RejectedError, match="message 1"):
                await send_messages(bus, [{**same, "payload": {}}, {"recipient": "x"}])

    play(scenario)
    orchestrator.wait(lambda m: m["payload"].get("n") == 1_233)
    heard = [m for m in orchestrator.heard if m["id"] in set(sent)]
    assert [m["payload"]["n"] for m in heard] == list(range(1_234))
    assert [m["id"] for m in heard] == sent


def test_a_running_agent_beats_with_what_it_can_do(orchestrator: Peer) -> None:
    async def scenario() -> None:
        async with Hearing("worker") as worker:
            worker.bus.on_command("double")(lambda *_: None)
            await asyncio.to_thread(
                orchestrator.wait, lambda _: beats(orchestrator) >= 3, PATIENCE_S
            )

    play(scenario)
    last = [m for m in orchestrator.heard if m["message_type"] == "heartbeat"][-1]
    assert last["sender"] == "worker"
    assert last["payload"] == {"status": "running", "capabilities": ["double"]}


def beats(peer: Peer) -> int:
    return sum(m["message_type"] == "heartbeat" for m in peer.heard)


def test_run_is_called_once() -> None:
    async def scenario() -> None:
        async with Hearing("worker") as worker:
            with pytest.raises(BrokerError, match="call `run` once"):
                await worker.bus.run()

    play(scenario)


def test_the_logger_of_the_guide_carries_the_bus(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("rabbitmq_orchestration").setLevel(logging.DEBUG)

    async def scenario() -> None:
        async with AgentMessageBus("speaker") as bus:
            await bus.send_heartbeat()

    play(scenario)
    logging.getLogger("rabbitmq_orchestration").setLevel(logging.NOTSET)
    assert "speaker sent heartbeat.orchestration" in caplog.text


def test_who_connects_twice_at_once_is_connected_once() -> None:
    async def scenario() -> None:
        bus = AgentMessageBus("twin")
        await asyncio.gather(bus.connect(), bus.connect())
        await bus.disconnect()
        assert lines() == set()

    play(scenario)


def test_who_disconnects_while_connecting_is_not_connected() -> None:
    async def scenario() -> None:
        bus = AgentMessageBus("fickle")
        connecting = asyncio.create_task(bus.connect())
        await asyncio.sleep(0)  # it begins to wait for the broker
        await bus.disconnect()
        await connecting
        assert lines() == set()

    play(scenario)


def test_who_connects_while_the_last_other_one_disconnects_gets_a_new_connection() -> None:
    async def scenario() -> None:
        old = link_to(address_of(None))
        await old.join()
        leaving = asyncio.create_task(old.leave())
        await asyncio.sleep(0)  # it begins to close
        new = link_to(address_of(None))
        await new.join()
        await leaving
        assert new.is_open
        await new.leave()
        assert lines() == set()

    play(scenario)


def lines() -> set[str]:
    """The connections and channels that are kept open."""
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith("rabbitmq-")}


def test_an_agent_that_never_disconnects_leaves_nothing_behind(bus_vhost: str) -> None:
    async def scenario() -> None:
        bus = AgentMessageBus("hasty")
        await bus.connect()
        await bus.send_heartbeat()

    play(scenario)
    assert listed("connections", bus_vhost.rpartition("/")[2]) == 0
