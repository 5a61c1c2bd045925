"""An emergency stop and its acknowledgements overtake what waits."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus
from orchestration.bus import topology
from orchestration.messages import EXCHANGE, STOP_KEY
from orchestration.store.connect import open_store
from orchestration.views import emergency
from tests.acceptance import stopped_fleet
from tests.acceptance.processes import Processes, Workplace
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(180)]

BACKLOG = 9_900
TOLD = stopped_fleet.OUTSIDERS
PATIENCE_S = 60.0
TAKEN_BEFORE = "SELECT COUNT(*) FROM data_messages WHERE sender = 'noisy' AND received_at <= ?"
LAST_ANSWER = "SELECT MAX(answered_at) FROM stop_answers WHERE kind = 'agent'"

Enter = Callable[[Workplace], None]


def test_a_stop_is_in_effect_and_acknowledged_while_the_backlog_still_waits(
    vhost: str, processes: Processes, tmp_path: Path, enter: Enter
) -> None:
    more = {"OUTSIDE_AGENTS": ",".join(TOLD), "LOG_LEVEL": "WARNING"}
    place = Workplace(tmp_path / "home", vhost, stopped_fleet.__name__, more)
    enter(place)
    store = open_store(f"sqlite:///{place.home / 'orchestration.db'}").store

    def acknowledged() -> bool:
        found = store.read(emergency.status).get("acknowledged", [])
        return set(TOLD) <= {each["name"] for each in found}

    async def scenario() -> None:
        buses = [AgentMessageBus(name) for name in TOLD]
        async with asyncio.timeout(2 * PATIENCE_S):
            running = [asyncio.create_task(bus.run()) for bus in buses]
            for bus in buses:
                await bus.ready()
            await asyncio.to_thread(fill, vhost)
            processes.workers(place, stopped_fleet.__name__, "-p", "1", "-t", "4")
            await asyncio.to_thread(eventually, acknowledged, within=PATIENCE_S)
            for bus in buses:
                await bus.disconnect()
            await asyncio.gather(*running)

    asyncio.run(scenario())
    taken = store.read(
        lambda s: s.one(TAKEN_BEFORE, s.one(LAST_ANSWER)[0])  # type: ignore[index]
    )
    store.close()
    assert taken is not None
    assert taken[0] < BACKLOG / 2


def fill(url: str) -> None:
    """Let data wait for the orchestrator, as much as its queue holds, and then a stop."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    topology.declare(channel)
    for number in range(BACKLOG):
        data = {"data_type": "noise", "data": {"n": number}}
        channel.basic_publish(EXCHANGE, "data.orchestration", message("data", number, data))
    stop = {"command_type": "emergency_stop", "parameters": {"reason": "prices"}}
    channel.basic_publish(EXCHANGE, STOP_KEY, message("command", 0, stop))
    connection.close()


def message(kind: str, number: int, payload: dict[str, Any]) -> bytes:
    """What somebody says to the orchestrator."""
    fields = {"sender": "noisy", "recipient": "orchestration_agent", "payload": payload}
    return json.dumps({"id": f"{kind}-{number}", "message_type": kind, **fields}).encode()
