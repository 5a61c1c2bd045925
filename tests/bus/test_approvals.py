"""A person's answer over the bus: who he is, RabbitMQ says."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import AgentMessageBus
from orchestration.desk.approvals import waiting
from orchestration.engine.verdicts import APPROVE
from orchestration.store import audit
from tests.bus import paying_fleet
from tests.bus.orchestra import Orchestra, environment, playing
from tests.bus.peer import Message
from tests.eventually import eventually

pytestmark = pytest.mark.rabbitmq

LOGGED_IN = "guest"


@pytest.fixture(scope="module")
def band(bus_vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestra]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        home: Path = tmp_path_factory.mktemp("home")
        environment(monkeypatch, bus_vhost, home)
        monkeypatch.setenv("ORCHESTRATION_APP", paying_fleet.__name__)
        monkeypatch.setenv("OUTSIDE_AGENTS", "")
        monkeypatch.setenv("APPROVERS", LOGGED_IN)
        with playing(bus_vhost) as found:
            yield found


def test_a_user_whom_rabbitmq_has_checked_approves(orchestra: Orchestra) -> None:
    starter, desk = orchestra.peer("starter"), orchestra.peer("desk")
    sent = starter.order("pay_out", {})
    run_id = starter.run_of(sent)
    (asked,) = eventually(lambda: orchestra.read(lambda s: waiting(s, 10)), within=20)
    given: Message = {"workflow_id": run_id, "step": "paying", "shown": asked.shown}

    refused = desk.order(APPROVE, given)  # it says of no user that he has published it
    error = desk.wait(lambda m: m["message_type"] == "error" and m["correlation_id"] == refused)
    assert "a message without user_id is none" in error["payload"]["error_message"]

    async def approve() -> str:
        async with AgentMessageBus("desk") as bus:
            payload = {"command_type": APPROVE, "parameters": given}
            return await bus.send_message("orchestration_agent", "command", payload)

    acknowledged = desk.wait(desk.acknowledges(asyncio.run(approve())))
    assert acknowledged["payload"]["workflow_id"] == run_id
    assert starter.final(sent)["status"] == "completed"
    deeds = orchestra.read(lambda s: audit.newest(s, 10))
    assert [(each.actor, each.action) for each in deeds] == [(f"bus:{LOGGED_IN}", "approve")]
