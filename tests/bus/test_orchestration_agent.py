"""The whole orchestrator as one object: what each method promises."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration import RabbitMQOrchestrationAgent, rabbitmq_agent
from orchestration.errors import (
    BrokerError,
    ConfigurationError,
    NotFoundError,
    OrchestrationError,
    RejectedError,
)
from orchestration.runtime.host import Host
from orchestration.runtime.serving import serving_on
from tests.bus.orchestra import Orchestra, environment, playing
from tests.bus.peer import Peer
from tests.eventually import eventually
from tests.rabbitmq import PORT, fresh_vhost, lose_vhost

pytestmark = pytest.mark.rabbitmq


def start(orchestra: Orchestra, command: str, parameters: dict[str, Any], who: str) -> str:
    told = asyncio.run(orchestra.agent.receive_command(command, parameters, who))
    assert told == {
        "command_received": True,
        "workflow_id": told["workflow_id"],
        "command_type": command,
        "status": "pending",
    }
    return str(told["workflow_id"])


def ended(orchestra: Orchestra, run_id: str) -> dict[str, Any]:
    eventually(lambda: orchestra.status(run_id)["ended_at"], within=20)
    return orchestra.status(run_id)


def test_a_command_starts_a_workflow_and_its_requester_is_told(orchestra: Orchestra) -> None:
    peer = orchestra.peer("boss")
    run_id = start(orchestra, "restart_discovery_system", {"force_stop": True}, "boss")
    status = ended(orchestra, run_id)
    assert status["status"] == "completed"
    assert status["progress"] == 1.0
    assert status["requester"] == "boss"
    assert status["result"] == {"done": True}
    assert len(status["details"]["steps_completed"]) == 3
    final = peer.wait(lambda m: "error_messages" in m["payload"])["payload"]
    assert (final["workflow_id"], final["status"]) == (run_id, "completed")


def test_every_workflow_is_listed_newest_first(orchestra: Orchestra) -> None:
    ids = [start(orchestra, "fail", {}, "a person") for _ in range(2)]
    assert "this never works" in ended(orchestra, ids[0])["error_messages"][0]
    listed = orchestra.agent.get_all_workflows_status()
    assert list(listed)[:2] == ids[::-1]
    assert listed[ids[0]]["status"] == "failed"


@pytest.mark.parametrize(
    ("command", "parameters"),
    [("no_such_thing", {}), ("integrate_real_data", {"primary_source": 1})],
)
def test_a_wrong_command_is_refused(
    orchestra: Orchestra, command: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(RejectedError):
        asyncio.run(orchestra.agent.receive_command(command, parameters))


def test_an_unknown_workflow_is_not_found(orchestra: Orchestra) -> None:
    with pytest.raises(NotFoundError):
        orchestra.agent.get_workflow_status("nothing")


def test_a_registered_agent_is_known_before_it_beats(orchestra: Orchestra) -> None:
    orchestra.agent.register_agent("early_bird", ["sings"], ["worms"])
    known = orchestra.known("early_bird")
    assert known is not None
    assert (known.capabilities, known.depends_on) == (["sings"], ["worms"])
    assert known.last_heartbeat is None
    peer = orchestra.peer("early_bird")
    peer.say("heartbeat", {"status": "running"})
    eventually(lambda: orchestra.known("early_bird").status == "running", within=10)  # type: ignore[union-attr]
    with pytest.raises(ConfigurationError):
        orchestra.agent.register_agent("a.b")


def test_the_system_s_status_names_agents_and_counts_workflows(orchestra: Orchestra) -> None:
    ended(orchestra, start(orchestra, "integrate_real_data", {}, "boss"))
    status = orchestra.agent.get_system_status()
    assert status["workflows"]["completed"] >= 1
    assert status["workers"] == 1
    assert "management_agent" in {agent["name"] for agent in status["agents"]}
    assert status["uptime_seconds"] > 0


def test_rabbitmq_is_asked_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_vhost() as url:
        environment(monkeypatch, url, tmp_path)
        idle = RabbitMQOrchestrationAgent()
        before = idle.get_rabbitmq_status()
        assert (before["connection_open"], before["is_consuming"]) == (True, False)
        assert "NOT_FOUND" in before["error"]
        with playing(url) as orchestra:
            status = orchestra.agent.get_rabbitmq_status()
            assert status["connection_open"]
            assert status["is_consuming"]
            assert (status["consumers"], status["queue"]) == (1, "orchestration_queue")
            assert status["queue_depth"] == 0
            assert status["error"] is None
        after = idle.get_rabbitmq_status()
        assert (after["connection_open"], after["is_consuming"]) == (True, False)
        peer = Peer(url, "x")
        peer.say("heartbeat", {})
        peer.close()
        assert idle.get_rabbitmq_status()["queue_depth"] == 1
        lose_vhost(url)
    gone = idle.get_rabbitmq_status()
    assert (gone["connection_open"], gone["is_consuming"]) == (False, False)
    assert "cannot use RabbitMQ" in gone["error"]


def test_it_starts_again_after_a_stop_and_twice_is_once(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, vhost, tmp_path)

    async def scenario() -> None:
        agent = RabbitMQOrchestrationAgent({"heartbeat_interval": 1})
        agent.register_agent("early", ["sings"])
        with pytest.raises(OrchestrationError, match="await start"):
            agent.get_system_status()
        for _ in range(2):
            await agent.start()
            await agent.start()
            assert agent.is_running
            names = {each["name"] for each in agent.get_system_status()["agents"]}
            assert "early" in names
            await agent.stop()
            await agent.stop()
            assert not agent.is_running

    asyncio.run(scenario())


def test_a_start_that_is_cancelled_leaves_nothing_that_a_stop_does_not_end(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, vhost, tmp_path)
    fleets: list[str] = []
    begun, gate = threading.Event(), threading.Event()

    @contextmanager
    def gated(*given: Any) -> Iterator[Host]:
        begun.set()
        assert gate.wait(20)
        with serving_on(*given) as host:
            fleets.append("begun")
            yield host
        fleets.append("ended")

    async def scenario() -> None:
        agent = RabbitMQOrchestrationAgent()
        first = asyncio.create_task(agent.start())
        assert await asyncio.to_thread(begun.wait, 20)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        again = asyncio.create_task(agent.start())
        gate.set()
        await again
        assert fleets == ["begun"]
        await agent.stop()
        assert not agent.is_running

    monkeypatch.setattr(rabbitmq_agent, "serving_on", gated)
    asyncio.run(scenario())
    assert fleets == ["begun", "ended"]


def test_its_config_wins_over_the_settings(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, "amqp://guest:guest@localhost:1/x", tmp_path)
    config = {
        "max_concurrent_workflows": 1,
        "workflow_timeout": 1.5,
        "timeout_threshold": 60,
        "rabbitmq": {"port": PORT, "virtual_host": vhost.rpartition("/")[2]},
    }
    with playing(vhost, **config) as orchestra:
        first, second = (start(orchestra, "ask_own_agent", {}, "boss") for _ in range(2))
        assert orchestra.status(second)["status"] == "pending"
        status = ended(orchestra, first)
        assert status["error_messages"] == ["still running after WORKFLOW_TIMEOUT (1.5 s)"]
        eventually(lambda: orchestra.status(second)["status"] != "pending", within=10)


def test_a_broker_that_is_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, "amqp://guest:guest@localhost:1/x", tmp_path)
    with pytest.raises(BrokerError, match="amqp://localhost:1/x"):
        asyncio.run(RabbitMQOrchestrationAgent().start())


def test_a_queue_with_other_arguments_is_named_with_its_cure(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, vhost, tmp_path)
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        connection.channel().queue_declare("orchestration_queue", durable=True)
    with pytest.raises(BrokerError, match=r"PRECONDITION_FAILED.*delete_queue orchestration_queue"):
        asyncio.run(RabbitMQOrchestrationAgent().start())
