"""A connection that is cut is opened again, and nothing that was confirmed or answered is lost."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus
from orchestration.bus.command import Command
from orchestration.errors import BrokerError, UnroutableError
from orchestration.messages import EXCHANGE
from orchestration.runtime import ingress
from tests.bus.hearing import Hearing, play
from tests.bus.orchestra import environment, playing
from tests.eventually import eventually
from tests.rabbitmq import PORT, control, fresh_vhost, lose_vhost

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, bus_vhost: str) -> None:
    monkeypatch.setenv("RABBITMQ_URL", bus_vhost)
    monkeypatch.setenv("HEARTBEAT_INTERVAL", "0.2")


async def cut(url: str) -> None:
    """Let the server close every connection of this vhost."""
    vhost = url.rpartition("/")[2]
    await asyncio.to_thread(control, "close_all_connections", "--vhost", vhost, "a test")


def test_an_agent_goes_on_after_its_connection_was_cut(bus_vhost: str) -> None:
    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:

            @worker.bus.on_command("echo")
            async def echo(_command: Command, parameters: dict[str, Any]) -> Any:
                return parameters["n"]

            for n in range(3):
                order = {"command": "echo", "parameters": {"n": n}}
                await asker.bus.send_message("worker", "command", order)
                assert (await asker.heard.get()).payload["result"] == n
                await cut(bus_vhost)

    play(scenario)


def test_what_is_sent_while_the_connection_is_cut_arrives(bus_vhost: str) -> None:
    async def scenario() -> None:
        async with Hearing("taker") as taker, AgentMessageBus("giver") as giver:
            cutting = asyncio.create_task(cut(bus_vhost))
            sent = 0
            while not cutting.done() or sent < 500:
                await giver.send_data("n", {"n": sent}, recipient="taker")
                sent += 1
            numbers: set[int] = set()
            while len(numbers) < sent:
                numbers.add((await taker.heard.get()).payload["data"]["n"])
            assert numbers == set(range(sent))

    play(scenario)


def test_an_agent_s_own_queue_may_be_deleted_under_it(bus_vhost: str) -> None:
    vhost = bus_vhost.rpartition("/")[2]

    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:
            worker.bus.on_command("echo")(lambda _command, parameters: parameters)
            delete = ("delete_queue", "-p", vhost, "agent.worker")
            await asyncio.to_thread(control, *delete)
            while asker.heard.empty():
                with suppress(UnroutableError):  # it is not back yet
                    await asker.bus.send_message("worker", "command", {"command": "echo"})
                await asyncio.wait((asyncio.create_task(asyncio.sleep(0.1)),))

    play(scenario)


def test_a_refusal_reaches_who_is_refused_and_nobody_else(bus_vhost: str) -> None:
    """Users may be allowed to write as little as they need."""
    vhost = bus_vhost.rpartition("/")[2]
    user = f"agent-{vhost}"
    control("add_user", user, "a-password")
    control("set_permissions", "-p", vhost, user, "^agent.meek$", "^agent.meek$", ".*")
    config = {"port": PORT, "username": user, "password": "a-password", "virtual_host": vhost}

    async def scenario() -> None:
        async with AgentMessageBus("strong") as strong, AgentMessageBus("meek", config) as meek:
            with pytest.raises(BrokerError, match="ACCESS_REFUSED"):
                await meek.send_heartbeat()
            await strong.send_heartbeat()
            other = AgentMessageBus("other", config)
            with pytest.raises(BrokerError, match="may not consume its own queue"):
                await other.run()
            await other.disconnect()

    try:
        play(scenario)
    finally:
        control("delete_user", user)


def test_the_orchestrator_goes_on_after_its_connections_were_cut(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, vhost, tmp_path)
    with playing(vhost) as orchestra:
        first = orchestra.peer("patient")
        assert first.final(first.order("integrate_real_data", {}))
        asyncio.run(cut(vhost))
        orchestra.forget()
        second = orchestra.peer("patient")
        sent = second.order("integrate_real_data", {})
        assert second.final(sent, within=30)["status"] == "completed"
        eventually(lambda: orchestra.agent.get_rabbitmq_status()["is_consuming"], within=10)


def test_a_deleted_exchange_comes_back(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, vhost, tmp_path)
    with playing(vhost) as orchestra:
        peer = orchestra.peer("patient")
        peer.final(peer.order("integrate_real_data", {}))
        peer.channel.exchange_delete("amc_trader_exchange")
        asyncio.run(orchestra.agent.receive_command("fail", {}, "patient"))
        peer.channel.exchange_declare("amc_trader_exchange", "topic", durable=True)
        peer.channel.queue_bind(peer.queue, "amc_trader_exchange", "response.patient")
        peer.wait(lambda m: m["payload"].get("status") == "failed", within=30)


def test_everybody_is_bound_again_after_the_exchange_was_deleted(
    bus_vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, bus_vhost, tmp_path)
    monkeypatch.setattr(ingress, "BIND_EVERY_S", 0.2)
    monkeypatch.setenv("HEARTBEAT_INTERVAL", "0.2")

    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("bus_agent") as worker:
            worker.bus.on_command("work")(lambda _command, _parameters: "done")
            await asyncio.to_thread(delete_exchange, bus_vhost)
            status = None
            while status != "completed":  # it fails while only the asker is bound again
                with suppress(UnroutableError, BrokerError, TimeoutError):
                    payload = {"command_type": "ask_bus_agent"}
                    await asker.bus.send_message("orchestration_agent", "command", payload)
                    async with asyncio.timeout(2):
                        status = (await the_end(asker))["status"]

    with playing(bus_vhost):
        play(scenario)


def delete_exchange(url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().exchange_delete(EXCHANGE)


async def the_end(asker: Hearing) -> dict[str, Any]:
    """The final answer to whatever was asked first."""
    while True:
        heard = await asker.heard.get()
        if "error_messages" in heard.payload:
            return heard.payload


def test_who_disconnects_before_it_could_consume_does_not_wait_for_the_broker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        with fresh_vhost() as url:
            monkeypatch.setenv("RABBITMQ_URL", url)
            bus = AgentMessageBus("early")
            await bus.connect()
            await asyncio.to_thread(lose_vhost, url)
        await asyncio.to_thread(lambda: eventually(lambda: not bus.is_connected, within=10))
        running = asyncio.create_task(bus.run())
        waiting = asyncio.create_task(bus.ready())
        await asyncio.sleep(0)  # it begins to wait for the broker
        await bus.disconnect()
        await running
        assert not waiting.done(), "it never consumed"
        waiting.cancel()

    play(scenario)
