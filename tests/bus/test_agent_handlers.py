"""Commands to an agent: handled, answered, cancelled, and what is none of them dropped."""

import asyncio
import logging
import time
from typing import Any

import pytest

from orchestration.bus.command import Command
from tests.bus.hearing import Hearing, play
from tests.bus.peer import Message, Peer

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, bus_vhost: str) -> None:
    monkeypatch.setenv("RABBITMQ_URL", bus_vhost)
    monkeypatch.setenv("HEARTBEAT_INTERVAL", "0.2")


def double(command: Command, parameters: Message) -> Message:
    command.progress(0.25, "begun")
    command.progress(0.5, "half")
    return {"twice": 2 * parameters["n"], "name": str(command), "item": command.item}


async def double_later(command: Command, parameters: Message) -> Message:
    await asyncio.sleep(0)
    return double(command, parameters)


@pytest.mark.parametrize("handler", [double, double_later])
def test_a_command_is_answered_with_its_id(handler: Any) -> None:
    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:
            worker.bus.on_command("double", "twice")(handler)
            payload = {"command": "double", "parameters": {"n": 4}, "workflow_id": "w", "step": "s"}
            sent = await asker.bus.send_message("worker", "command", {**payload, "item": "i"})
            progress, answer = await asker.heard.get(), await asker.heard.get()
            assert progress.payload == {
                "workflow_id": "w",
                "step": "s",
                "progress": 0.5,
                "message": "half",
            }
            assert answer.correlation_id == sent
            assert answer.payload == {
                "command_id": sent,
                "command": "double",
                "workflow_id": "w",
                "status": "completed",
                "result": {"twice": 8, "name": "double", "item": "i"},
            }

    play(scenario)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("fail", "ValueError: no good"),
        ("unheard_of", "RejectedError: unknown command 'unheard_of'; known commands: fail, object"),
        ("object", "the result cannot be sent"),
    ],
)
def test_what_cannot_be_done_is_answered_as_failed(
    command: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:

            @worker.bus.on_command("fail")
            def fail(_command: Command, _parameters: Message) -> None:
                raise ValueError("no good")

            @worker.bus.on_command("object")
            def unsendable(_command: Command, _parameters: Message) -> object:
                return object()

            await asker.bus.send_message("worker", "command", {"command": command})
            answer = await asker.heard.get()
            assert answer.payload["status"] == "failed"
            assert error in answer.payload["error"]

    play(scenario)


def test_cancel_ends_what_it_names_and_leaves_the_rest() -> None:
    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:
            begun: asyncio.Queue[Command] = asyncio.Queue()

            @worker.bus.on_command("wait")
            async def wait(command: Command, _parameters: Message) -> None:
                await begun.put(command)
                await asyncio.Event().wait()

            def watch(command: Command, _parameters: Message) -> str:
                loop.call_soon_threadsafe(begun.put_nowait, command)
                while not command.cancelled:
                    time.sleep(0.01)
                return "seen"

            loop = asyncio.get_running_loop()
            worker.bus.on_command("watch")(watch)
            one = await asker.bus.send_message("worker", "command", {"command": "wait"})
            two = await asker.bus.send_message("worker", "command", {"command": "watch"})
            await begun.get()
            await begun.get()
            order = {"command": "cancel", "parameters": {"command_id": one}}
            await asker.bus.send_message("worker", "command", order)
            answers = [await asker.heard.get() for _ in range(2)]
            by_command = {answer.payload["command"]: answer.payload for answer in answers}
            assert by_command["cancel"]["result"]["cancelled"] == [one]
            assert by_command["wait"]["error"] == "cancelled"
            await asker.bus.send_message("worker", "command", {"command": "emergency_stop"})
            answers = [await asker.heard.get() for _ in range(2)]
            by_command = {answer.payload["command"]: answer.payload for answer in answers}
            assert by_command["emergency_stop"]["result"] == {
                "agent": "worker",
                "acknowledged": True,
                "cancelled": [two],
            }
            assert by_command["watch"]["status"] in {"completed", "failed"}

    play(scenario)


def test_every_agent_answers_for_its_health() -> None:
    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:

            @worker.bus.on_command("health_check")
            def look(_command: Command, _parameters: Message) -> Message:
                return {"disk": "fine"}

            await asker.bus.send_message("worker", "command", {"command": "health_check"})
            answer = await asker.heard.get()
            assert answer.payload["result"] == {
                "agent": "worker",
                "status": "healthy",
                "running": [],
                "disk": "fine",
            }

    play(scenario)


def test_what_is_no_message_is_dropped_and_the_next_one_is_answered(
    bus_vhost: str, caplog: pytest.LogCaptureFixture
) -> None:
    peer = Peer(bus_vhost, "plain")

    async def scenario() -> None:
        async with Hearing("worker") as worker:
            worker.bus.on_command("double")(double)
            peer.publish(b"{", "command.worker")
            order = {"command": "double", "parameters": {"n": 1}}
            peer.say("command", order, recipient="worker", id="second")
            peer.publish(peer_body("worker"), "command.worker")
            await asyncio.to_thread(peer.wait, lambda m: m["correlation_id"] == "third")

    def peer_body(recipient: str) -> bytes:
        body = (
            '{"id": "third", "message_type": "command", "sender": "plain",'
            f' "recipient": "{recipient}", "payload": {{"command": "double",'
            ' "parameters": {"n": 2}}}'
        )
        return body.encode()

    play(scenario)
    peer.close()
    assert "dropped what is no message" in caplog.text
