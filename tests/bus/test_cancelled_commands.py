"""What is cancelled, or came too late, is never begun, and whoever asked is told so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.bus.command import Command
from orchestration.bus.jobs import MOST_AT_ONCE
from tests.bus.peer import Message
from tests.bus.test_agent_bus import Hearing, play

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
        trader.bus.on_command("trade")(self._trade)

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
