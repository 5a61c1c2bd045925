"""What is cancelled, or came too late, is never begun, and whoever asked is told so."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.bus.command import Command
from orchestration.bus.jobs import MOST_AT_ONCE
from tests.bus.hearing import Hearing, play
from tests.bus.peer import Message

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, bus_vhost: str) -> None:
    monkeypatch.setenv("RABBITMQ_URL", bus_vhost)


class Desk:
    """Somebody who asks a busy trader, and what that one has begun.

    Attributes:
        begun: The ids of what the trader has begun, in order.
    """

    def __init__(self, asker: Hearing, trader: Hearing) -> None:
        self.asker = asker
        self.begun: list[str] = []
        self.go_on = asyncio.Event()
        self._answers: dict[str, Message] = {}
        self.trader = trader.bus
        self.trader.on_command("trade")(self._trade)

    async def ask(self, message_id: str, command: str = "trade", **fields: object) -> None:
        payload = {"command": command, **fields}
        await self.asker.bus.send_message("trader", "command", payload, message_id=message_id)

    async def fill(self) -> list[str]:
        """Ask for as much as is done at once, and return the ids."""
        ids = [f"work-{number}" for number in range(MOST_AT_ONCE)]
        for each in ids:
            await self.ask(each)
        return ids

    async def cancel(self, command_id: str) -> Message:
        """Cancel one command, and return the answer to that."""
        await self.ask(f"{command_id}:cancel", "cancel", parameters={"command_id": command_id})
        return await self.answer(f"{command_id}:cancel")

    async def answer(self, message_id: str) -> Message:
        """The answer to a message, which has come or is to come."""
        while message_id not in self._answers:
            envelope = await self.asker.heard.get()
            self._answers[str(envelope.correlation_id)] = envelope.payload
        return self._answers.pop(message_id)

    def is_answered(self, message_id: str) -> bool:
        """Whether the answer to a message has come."""
        return message_id in self._answers

    async def _trade(self, command: Command, _parameters: Message) -> str:
        self.begun.append(command.id)
        await self.go_on.wait()
        return "traded"


@asynccontextmanager
async def trading() -> AsyncIterator[Desk]:
    async with Hearing("asker") as asker, Hearing("trader") as trader:
        yield Desk(asker, trader)


def test_a_stop_ends_what_waits_for_room_as_well() -> None:
    async def scenario() -> None:
        async with trading() as desk:
            ids = [*await desk.fill(), "waits", "waits-too"]
            await desk.ask("waits")
            await desk.ask("waits-too")
            await desk.ask("stop:1", "emergency_stop")
            stopped = await desk.answer("stop:1")
            assert sorted(stopped["result"]["cancelled"]) == sorted(ids)
            assert {(await desk.answer(each))["error"] for each in ids} == {"cancelled"}
            await desk.ask("afterwards")
            desk.go_on.set()
            assert (await desk.answer("afterwards"))["result"] == "traded"
            assert desk.begun == [*ids[:MOST_AT_ONCE], "afterwards"]

    play(scenario)


def test_what_waits_and_is_cancelled_is_answered_at_once_and_never_begun() -> None:
    async def scenario() -> None:
        async with trading() as desk:
            ids = await desk.fill()
            await desk.ask("waits")
            assert (await desk.cancel("waits"))["result"]["cancelled"] == ["waits"]
            assert (await desk.answer("waits"))["error"] == "cancelled"
            assert sorted(desk.begun) == sorted(ids)
            desk.go_on.set()
            assert {(await desk.answer(each))["status"] for each in ids} == {"completed"}
            await desk.ask("waits")  # it comes again
            assert (await desk.answer("waits"))["error"] == "cancelled"
            assert "waits" not in desk.begun

    play(scenario)


def test_a_cancel_that_comes_before_its_command_is_not_forgotten() -> None:
    async def scenario() -> None:
        async with trading() as desk:
            desk.go_on.set()
            assert (await desk.cancel("late"))["result"]["cancelled"] == []
            await desk.ask("late")
            assert (await desk.answer("late"))["error"] == "cancelled"
            await desk.ask("another")
            assert (await desk.answer("another"))["result"] == "traded"
            assert desk.begun == ["another"]

    play(scenario)


def test_what_comes_long_after_its_deadline_is_not_begun() -> None:
    now = datetime.now(UTC)

    async def scenario() -> None:
        async with trading() as desk:
            desk.go_on.set()
            await desk.ask("old", deadline="2025-09-12T12:00:00Z")
            refused = await desk.answer("old")
            assert refused["status"] == "failed"
            assert (
                "its deadline, 2025-09-12T12:00:00Z, has passed: nothing was done"
                in (refused["error"])
            )
            assert desk.begun == []
            await desk.ask("old", deadline=(now + timedelta(hours=1)).isoformat())
            assert (await desk.answer("old"))["result"] == "traded"
            await desk.ask("old", deadline="2025-09-12T12:00:00Z")  # its answer is known
            assert (await desk.answer("old"))["result"] == "traded"
            assert desk.begun == ["old"]

    play(scenario)


@pytest.mark.parametrize(
    "deadline",
    [
        pytest.param(timedelta(seconds=-5), id="clocks differ by a little"),
        pytest.param(timedelta(minutes=10), id="there is time"),
        pytest.param("soon", id="that is no time"),
        pytest.param(None, id="there is none"),
    ],
)
def test_what_comes_in_time_is_done(deadline: timedelta | str | None) -> None:
    async def scenario() -> None:
        async with trading() as desk:
            desk.go_on.set()
            at = deadline
            if isinstance(at, timedelta):
                at = (datetime.now(UTC) + at).isoformat()
            await desk.ask("work", deadline=at)
            assert (await desk.answer("work"))["result"] == "traded"

    play(scenario)


def test_a_plain_function_that_was_cancelled_is_answered_when_it_has_returned() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def ship(command: Command, _parameters: Message) -> Message:
        begun.set()
        go_on.wait(10)
        return {"cancelled": command.cancelled}

    async def scenario() -> None:
        async with trading() as desk:
            desk.trader.on_command("ship")(ship)
            await desk.ask("work", "ship")
            await asyncio.to_thread(begun.wait)
            order = {"command_id": "work"}
            await desk.ask("order", "cancel", parameters=order)
            await desk.ask("health", "health_check")
            assert (await desk.answer("health"))["result"]["running"] == ["work"]
            assert not desk.is_answered("work"), "it may still act"
            assert not desk.is_answered("order"), "that would let an undo begin"
            go_on.set()
            assert (await desk.answer("work"))["result"] == {"cancelled": True}
            assert (await desk.answer("order"))["result"]["cancelled"] == ["work"]

    play(scenario)


def test_what_a_plain_function_returns_to_be_awaited_can_be_cancelled() -> None:
    async def scenario() -> None:
        async with trading() as desk:
            begun = asyncio.Event()

            async def ship() -> None:
                begun.set()
                await asyncio.Event().wait()

            desk.trader.on_command("ship")(lambda _command, _parameters: ship())
            await desk.ask("work", "ship")
            await begun.wait()
            await desk.cancel("work")
            assert (await desk.answer("work"))["error"] == "cancelled"

    play(scenario)


def test_plain_functions_wait_for_room_and_not_for_a_thread_as_well() -> None:
    together = threading.Barrier(MOST_AT_ONCE)

    def trade(_command: Command, _parameters: Message) -> str:
        together.wait(10)
        return "traded"

    async def scenario() -> None:
        async with trading() as desk:
            desk.trader.on_command("trade")(trade)
            ids = await desk.fill()
            assert {(await desk.answer(each)).get("result") for each in ids} == {"traded"}

    play(scenario)
