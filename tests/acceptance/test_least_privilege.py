"""The users of docs/least-privilege.md can do their work, and nothing else."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from click.testing import CliRunner
from pika.exceptions import ChannelClosedByBroker

from orchestration import AgentMessageBus
from orchestration.cli.root import root
from orchestration.engine.by import By
from orchestration.errors import BrokerError
from orchestration.messages import EXCHANGE, Envelope
from orchestration.store import dead_letters
from orchestration.views import emergency
from tests.acceptance.node import Node, node_in
from tests.bus import guarded_fleet
from tests.bus.guarded_fleet import WORKER
from tests.bus.orchestra import Orchestra, environment, playing
from tests.eventually import eventually
from tests.shown import block

pytestmark = pytest.mark.rabbitmq

LINES = block("docs/least-privilege.md", "sh", "rabbitmqctl add_vhost")
PASSWORDS = {"orchestrator": "change-this-1", "management_agent": "change-this-3"}
REFUSED = 403
NOT_YOU = 406
BOSS = "management_agent"
OTHER = "data_validation_agent"
PATIENCE_S = 30.0


def url_of(node: Node, user: str) -> str:
    password = PASSWORDS.get(user, "change-this-2")
    place = node.url.partition("@")[2].partition("/")[0]
    return f"amqp://{user}:{password}@{place}/%2Famc_trader"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node_in(tmp_path_factory.mktemp("privilege") / "node") as found:
        found.wait()
        found.run_script(LINES)
        yield found


@pytest.fixture(scope="module")
def live(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestra]:
    """An orchestrator that is logged in as its own user."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        url = url_of(node, "orchestrator")
        environment(monkeypatch, url, tmp_path_factory.mktemp("home"))
        monkeypatch.setenv("ORCHESTRATION_APP", guarded_fleet.__name__)
        monkeypatch.setenv("OUTSIDE_AGENTS", WORKER)
        monkeypatch.setenv("REQUIRE_USER_ID", "true")
        with playing(url) as found:
            yield found


def bus_of(node: Node, monkeypatch: pytest.MonkeyPatch, name: str) -> AgentMessageBus:
    monkeypatch.setenv("RABBITMQ_URL", url_of(node, name))
    return AgentMessageBus(name)


def test_an_agent_beats_and_answers_and_a_requester_is_told(
    node: Node, live: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, boss = (bus_of(node, monkeypatch, name) for name in (WORKER, BOSS))
    worker.on_command("work")(lambda _command, _parameters: {"done": True})

    async def scenario() -> dict[str, Any]:
        final: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        @boss.on_message("response")
        async def hear(envelope: Envelope) -> None:
            if "error_messages" in envelope.payload:
                final.set_result(envelope.payload)

        running = [asyncio.create_task(bus.run()) for bus in (worker, boss)]
        async with asyncio.timeout(PATIENCE_S):
            await worker.ready()
            await boss.ready()
            payload = {"command_type": "ask", "parameters": {}}
            await boss.send_message("orchestration_agent", "command", payload)
            await worker.send_data("prices", {"n": 1})
            found = await final
            for bus in (worker, boss):
                await bus.disconnect()
            await asyncio.gather(*running)
        return found

    found = asyncio.run(scenario())
    assert (found["status"], found["result"]) == ("completed", {"done": True})
    eventually(lambda: live.known(WORKER), within=PATIENCE_S, what="its heartbeat is known")
    assert live.dead(WORKER) == live.dead(BOSS) == []


Attempt = Callable[[Any], object]


def publish(key: str, exchange: str = EXCHANGE, user: str | None = None) -> Attempt:
    properties = pika.BasicProperties(user_id=user)
    return lambda channel: channel.basic_publish(exchange, key, b"{}", properties)


FORBIDDEN: dict[str, tuple[str, int, Attempt]] = {
    "read another's queue": (WORKER, REFUSED, lambda c: c.basic_get(f"agent.{BOSS}")),
    "read the orchestrator's": (WORKER, REFUSED, lambda c: c.basic_get("orchestration_queue")),
    "empty another's queue": (WORKER, REFUSED, lambda c: c.queue_purge(f"agent.{BOSS}")),
    "delete another's queue": (WORKER, REFUSED, lambda c: c.queue_delete(f"agent.{BOSS}")),
    "make a queue": (WORKER, REFUSED, lambda c: c.queue_declare("mine")),
    "claim the vhost for a store": (
        WORKER,
        REFUSED,
        lambda c: c.queue_declare("orchestration_store"),
    ),
    "read the emergency stops": (
        WORKER,
        REFUSED,
        lambda c: c.basic_get("orchestration_control"),
    ),
    "make another's queue": (WORKER, REFUSED, lambda c: c.queue_declare(f"agent.{OTHER}")),
    "delete the exchange": (WORKER, REFUSED, lambda c: c.exchange_delete(EXCHANGE)),
    "bind to another's keys": (
        WORKER,
        REFUSED,
        lambda c: c.queue_bind(f"agent.{WORKER}", EXCHANGE, f"command.{OTHER}"),
    ),
    "bind to everything": (
        WORKER,
        REFUSED,
        lambda c: c.queue_bind(f"agent.{WORKER}", EXCHANGE, "#"),
    ),
    "start a workflow": (WORKER, REFUSED, publish("command.orchestration")),
    "stop everything": (WORKER, REFUSED, publish("orchestration.emergency_stop")),
    "command an agent": (WORKER, REFUSED, publish(f"command.{OTHER}")),
    "answer for the orchestrator": (WORKER, REFUSED, publish(f"response.{BOSS}")),
    "go past the exchange": (WORKER, REFUSED, publish("orchestration_queue", exchange="")),
    "be another one": (WORKER, NOT_YOU, publish("heartbeat.orchestration", user=OTHER)),
    "read an agent's queue": (
        "orchestrator",
        REFUSED,
        lambda c: c.basic_get(f"agent.{BOSS}"),
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_broker_refuses_to_let_it(
    node: Node, live: Orchestra, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    del live

    async def there() -> None:
        for name in (WORKER, BOSS):
            bus = bus_of(node, monkeypatch, name)
            running = asyncio.create_task(bus.run())
            await bus.ready()
            await bus.disconnect()
            await running

    asyncio.run(there())
    user, code, attempt = FORBIDDEN[what]
    connection = pika.BlockingConnection(pika.URLParameters(url_of(node, user)))
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as refused:
            attempt(channel)
        assert refused.value.reply_code == code
    finally:
        connection.close()


def test_a_message_that_claims_another_sender_is_a_dead_letter(
    node: Node, live: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url_of(node, WORKER))
    liar = AgentMessageBus(OTHER)

    async def lie() -> None:
        async with liar:
            await liar.send_heartbeat()

    asyncio.run(lie())

    def refused() -> bool:
        found = live.read(lambda s: dead_letters.newest(s, 100))
        return any(each.reason == "user_id" for each in found)

    eventually(refused, within=PATIENCE_S, what="it is a dead letter")
    assert live.known(OTHER) is None


def test_an_agent_is_told_what_it_may_not(
    node: Node, live: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    del live
    bus = bus_of(node, monkeypatch, WORKER)

    async def scenario() -> None:
        async with bus, asyncio.timeout(PATIENCE_S):
            with pytest.raises(BrokerError, match="ACCESS_REFUSED"):
                await bus.send_message(OTHER, "command", {"command": "work"})
            await bus.send_heartbeat()

    asyncio.run(scenario())


def test_an_agent_that_may_not_overtake_acknowledges_a_stop_the_usual_way(
    node: Node, live: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = bus_of(node, monkeypatch, WORKER)

    async def scenario() -> None:
        running = asyncio.create_task(bus.run())
        await bus.ready()
        await asyncio.to_thread(live.engine.stop_everything, By("ann", "prices"))
        await asyncio.to_thread(eventually, acknowledged, within=PATIENCE_S)
        await bus.disconnect()
        await running

    def acknowledged() -> bool:
        return WORKER in [each["name"] for each in live.read(emergency.status)["acknowledged"]]

    try:
        asyncio.run(scenario())
    finally:
        live.engine.release(By("ann"))


def test_the_orchestrator_s_user_claims_the_vhost_and_hears_emergency_stops(
    node: Node, live: Orchestra
) -> None:
    del live
    rows = node.control("list_queues", "-p", "/amc_trader", "name", "consumers").splitlines()
    consumers = dict(row.split() for row in rows)
    assert int(consumers["orchestration_store"]) > 0
    assert int(consumers["orchestration_control"]) > 0


def test_every_line_of_the_page_was_run(node: Node) -> None:
    users = node.control("list_users")
    assert all(name in users for name in ("orchestrator", WORKER, OTHER, BOSS))


@pytest.mark.parametrize(
    ("user", "code", "says"),
    [("orchestrator", 0, "Passed: 5"), (WORKER, 3, "let this user configure, write and read")],
)
def test_the_bus_can_be_verified_by_the_orchestrator_s_user(
    node: Node, monkeypatch: pytest.MonkeyPatch, user: str, code: int, says: str
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", url_of(node, user))
    result = CliRunner().invoke(root, ["verify"], prog_name="orchestrate")
    assert result.exit_code == code, result.output
    assert says in result.output
