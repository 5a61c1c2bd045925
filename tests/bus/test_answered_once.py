"""A command that comes again is answered again and not done again; each reaches somebody."""

import asyncio
import logging
from collections import Counter

import pytest

from orchestration import AgentMessageBus, send_messages
from orchestration.bus.command import Command
from orchestration.errors import UnroutableError
from tests.bus.hearing import Hearing, play
from tests.bus.peer import EXCHANGE, Message, Peer
from tests.rabbitmq import fresh_vhost

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, bus_vhost: str) -> None:
    monkeypatch.setenv("RABBITMQ_URL", bus_vhost)


def test_a_repeated_command_is_answered_from_memory_and_done_once() -> None:
    done: Counter[int] = Counter()

    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:
            begun, go_on = asyncio.Event(), asyncio.Event()

            @worker.bus.on_command("count")
            async def count(_command: Command, parameters: Message) -> Message:
                done[parameters["n"]] += 1
                begun.set()
                await go_on.wait()
                return {"n": parameters["n"]}

            async def ask(n: int) -> None:
                order = {"command": "count", "parameters": {"n": n}}
                await asker.bus.send_message("worker", "command", order, message_id=str(n))

            await ask(1)
            await begun.wait()
            await ask(1)  # while it is worked on
            health = {"command": "health_check"}
            await asker.bus.send_message("worker", "command", health, message_id="h")
            assert (await asker.heard.get()).payload["result"]["running"] == ["1"]
            go_on.set()
            first = await asker.heard.get()
            await ask(1)  # after its answer
            await ask(2)
            again, other = await asker.heard.get(), await asker.heard.get()
            assert first.payload == again.payload
            assert first.id != again.id
            assert [each.correlation_id for each in (first, again, other)] == ["1", "1", "2"]

    play(scenario)
    assert done == {1: 1, 2: 1}


def test_the_same_id_of_another_sender_is_another_command() -> None:
    async def scenario() -> None:
        async with Hearing("one") as one, Hearing("two") as two, Hearing("worker") as worker:
            seen = []

            @worker.bus.on_command("note")
            async def note(command: Command, _parameters: Message) -> None:
                seen.append(command.sender)

            for asker in (one, two):
                order = {"command": "note"}
                await asker.bus.send_message("worker", "command", order, message_id="same")
                await asker.heard.get()
            assert seen == ["one", "two"]

    play(scenario)


def test_the_same_id_with_another_body_is_refused_and_changes_nothing() -> None:
    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:
            worker.bus.on_command("double")(lambda _command, parameters: 2 * parameters["n"])

            async def ask(n: int) -> Message:
                order = {"command": "double", "parameters": {"n": n}}
                await asker.bus.send_message("worker", "command", order, message_id="same")
                return (await asker.heard.get()).payload

            assert (await ask(1))["result"] == 2
            refused = await ask(2)
            assert refused["status"] == "failed"
            assert "'same' came before with another body" in refused["error"]
            assert (await ask(1))["result"] == 2

    play(scenario)


def test_a_stop_that_comes_under_a_known_id_stops_again() -> None:
    ended: list[str] = []

    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:
            begun = asyncio.Event()

            @worker.bus.on_command("trade")
            async def trade(command: Command, _parameters: Message) -> None:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(command.id)

            for trading in ("first", "second"):
                begun.clear()
                await asker.bus.send_message(
                    "worker", "command", {"command": "trade"}, message_id=trading
                )
                await begun.wait()
                stop = {"command": "emergency_stop"}
                await asker.bus.send_message("worker", "command", stop, message_id="stop:1:worker")
                answers = {}
                for _ in range(2):
                    answer = await asker.heard.get()
                    answers[answer.correlation_id] = answer.payload
                assert answers["stop:1:worker"]["result"]["cancelled"] == [trading]
                assert answers[trading]["error"] == "cancelled"

    play(scenario)
    assert ended == ["first", "second"]


def test_what_failed_is_answered_as_failed_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    tries: list[Command] = []

    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("worker") as worker:

            @worker.bus.on_command("unsendable")
            async def unsendable(command: Command, _parameters: Message) -> object:
                tries.append(command)
                return object()

            answers = []
            for _ in range(2):
                order = {"command": "unsendable"}
                await asker.bus.send_message("worker", "command", order, message_id="u")
                answers.append((await asker.heard.get()).payload)
            assert answers[0] == answers[1]
            assert "the result cannot be sent" in answers[0]["error"]

    play(scenario)
    assert len(tries) == 1


@pytest.mark.parametrize(("reply_to", "hears"), [("boss", "boss"), ("a.b", "asker"), ("", "asker")])
def test_an_answer_goes_to_reply_to_where_that_is_a_name(
    reply_to: str, hears: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Hearing("asker") as asker, Hearing("boss") as boss, Hearing("worker") as worker:
            worker.bus.on_command("work")(lambda _command, _parameters: "done")
            order = {"command": "work"}
            await asker.bus.send_message("worker", "command", order, reply_to=reply_to)
            hearing = {"asker": asker, "boss": boss}[hears]
            assert (await hearing.heard.get()).payload["result"] == "done"

    play(scenario)
    assert ("reply_to 'a.b' is no name: answering its sender" in caplog.text) == (reply_to == "a.b")


@pytest.mark.parametrize(
    ("recipient", "cure"),
    [
        ("orchestration_agent", "no orchestrator has run on this vhost yet.*`dramatiq MODULE`"),
        ("nobody", "nobody has no queue on this vhost.*start nobody"),
    ],
)
def test_a_command_that_reaches_no_queue_is_an_error(
    recipient: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with AgentMessageBus("asker") as bus:
            with pytest.raises(UnroutableError, match=cure):
                await bus.send_message(recipient, "command", {"command_type": "x"})
            await bus.send_heartbeat()  # nobody need hear that
            many = [{"recipient": "nobody", "message_type": "data", "payload": {}}] * 3
            lost = {"recipient": "nobody", "message_type": "command", "payload": {}}
            with pytest.raises(UnroutableError):
                await send_messages(bus, [*many, lost, *many])

    with fresh_vhost() as url:
        monkeypatch.setenv("RABBITMQ_URL", url)
        play(scenario)


def test_a_command_for_an_orchestrator_that_is_away_waits_for_it(bus_vhost: str) -> None:
    peer = Peer(bus_vhost, "orchestration")
    peer.channel.queue_bind(peer.queue, EXCHANGE, "command.*")

    async def scenario() -> None:
        async with AgentMessageBus("asker") as bus:
            await bus.send_message("orchestration_agent", "command", {}, message_id="kept")

    play(scenario)
    peer.wait(lambda m: m["id"] == "kept")
    peer.close()
