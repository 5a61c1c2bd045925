"""A RabbitMQ that stops under load, and a queue that overflows while nobody takes from it."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.exceptions import AMQPError

from orchestration.bus import topology
from orchestration.messages import EXCHANGE
from orchestration.ports import Session, Store
from orchestration.store.connect import open_store
from tests.acceptance.node import Node, node_in
from tests.acceptance.processes import Process, Processes, Workplace
from tests.bus import fleet
from tests.bus.peer import Message, Peer
from tests.eventually import eventually

ENVIRONMENT = os.environ
AWAY_S = float(ENVIRONMENT.get("BROKER_AWAY_S", "4"))
OVERFILL = 12_000
ORCHESTRATE = (sys.executable, "-m", "orchestration")
PATIENCE_S = 90.0
COMMAND = "integrate_real_data"

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(300 + 2 * AWAY_S)]


class Customer:
    """Sends commands whatever happens, and again what RabbitMQ has not confirmed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()
        self._pause = threading.Event()
        self.confirmed: list[str] = []
        self.heard: list[Message] = []
        self.peer = Peer(url, "customer")
        self._peers = [self.peer]
        topology.declare(self.peer.channel)

    def buy(self, seconds: float) -> None:
        """Send commands for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            name = f"order-{next(self._numbers)}"
            while not self._sent(name) and time.monotonic() < end:
                self._pause.wait(0.2)
                self.reconnect()

    def collect(self, what: str, within: float) -> dict[str, Message]:
        """What was said about each order that was confirmed, once everything is there."""

        def found() -> dict[str, Message]:
            if not self._listened():
                self.reconnect()
            every = [*self.heard, *self.peer.heard]
            return {str(m["correlation_id"]): m for m in every if what in m["payload"]}

        eventually(lambda: not set(self.confirmed) - found().keys(), within=within, what=what)
        return found()

    def reconnect(self) -> None:
        """Open a new connection, if that is possible now."""
        with suppress(AMQPError, OSError):
            peer = Peer(self._url, "customer")
            self._peers.append(peer)
            self.heard += self.peer.heard
            self.peer = peer

    def close(self) -> None:
        """Let go of every connection, also of those that have broken."""
        for peer in self._peers:
            with suppress(AMQPError, OSError):
                peer.connection.close()

    def _sent(self, name: str) -> bool:
        with suppress(AMQPError, OSError):
            self.peer.order(COMMAND, {}, id=name)
            self.peer.listen(0.01)
            self.confirmed.append(name)
            return True
        return False

    def _listened(self) -> bool:
        with suppress(AMQPError, OSError):
            self.peer.listen(0.1)
            return True
        return False


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with node_in(tmp_path / "node") as found:
        found.wait()
        yield found


@pytest.fixture
def place(node: Node, tmp_path: Path) -> Workplace:
    more = {"MAX_CONCURRENT_WORKFLOWS": "50", "OUTSIDE_AGENTS": ",".join(fleet.OUTSIDE)}
    return Workplace(tmp_path / "home", node.url, fleet.__name__, more, measured=False)


@pytest.fixture
def customer(node: Node) -> Iterator[Customer]:
    found = Customer(node.url)
    yield found
    found.close()


@pytest.fixture
def store(place: Workplace) -> Iterator[Store]:
    found = open_store(f"sqlite:///{place.home / 'orchestration.db'}").store
    yield found
    found.close()


def start(processes: Processes, place: Workplace) -> Process:
    return processes.workers(place, fleet.__name__, "-p", "2", "-t", "4")


def test_nothing_is_lost_while_rabbitmq_is_away_and_all_reconnect_without_help(
    node: Node, place: Workplace, store: Store, processes: Processes, customer: Customer
) -> None:
    workers = start(processes, place)
    customer.buy(2)
    customer.collect("command_received", within=PATIENCE_S)
    before = {each.pid for each in workers.members()}
    node.kill()
    customer.buy(AWAY_S)
    code, said = processes.run(place, *ORCHESTRATE, "status", within=60)
    assert code == 0
    assert "RabbitMQ at" in said
    assert "cannot be used" in said
    node.start()
    node.wait()
    customer.buy(5)
    customer.collect("command_received", within=PATIENCE_S)
    finals = customer.collect("error_messages", within=PATIENCE_S)
    assert {m["payload"]["status"] for m in finals.values()} == {"completed"}
    sql = "SELECT COUNT(*), COUNT(DISTINCT correlation_id) FROM runs WHERE status = 'completed'"
    runs, orders = store.read(lambda s: s.all(sql))[0]
    assert runs == orders >= len(customer.confirmed), "no order has two runs"
    assert {each.pid for each in workers.members()} == before


def dead(session: Session) -> list[tuple[Any, ...]]:
    return session.all("SELECT routing_key, reason, message_id FROM dead_letters")


def test_a_queue_that_overflowed_while_nobody_listened_loses_no_command_and_no_answer(
    node: Node, place: Workplace, store: Store, processes: Processes
) -> None:
    policy = json.dumps({"dead-letter-exchange": topology.DEAD_EXCHANGE})
    pattern = f"^{topology.QUEUE}$"
    node.control("set_policy", "dead", pattern, policy, "--apply-to", "queues")
    workers = start(processes, place)
    customer, agent = Peer(node.url, "customer"), Peer(node.url, "own_agent")
    topology.declare(customer.channel)
    asked = customer.order("ask_own_agent", {})
    command = agent.commanded("work", within=PATIENCE_S)
    workers.end()
    said = {"status": "completed", "result": "in time"}
    agent.say("response", said, correlation_id=command["id"])
    orders = [customer.order(COMMAND, {}, id=f"early-{n}") for n in range(20)]
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        channel = connection.channel()
        for number in range(OVERFILL):
            body = json.dumps({**BEAT, "id": f"beat-{number}"}).encode()
            channel.basic_publish(EXCHANGE, "heartbeat.orchestration", body)
    start(processes, place)
    assert customer.final(asked, within=PATIENCE_S)["result"] is not None
    for each in orders:
        assert customer.final(each, within=PATIENCE_S)["status"] == "completed"
    lost = OVERFILL - topology.QUEUE_ARGUMENTS["x-max-length"]
    eventually(lambda: len(store.read(dead)) >= lost, within=PATIENCE_S, what="dead letters")
    rows = store.read(dead)
    assert {row[:2] for row in rows} == {("heartbeat.orchestration", "maxlen")}
    assert len(rows) == lost
    agent.close()
    customer.close()


BEAT: dict[str, Any] = {
    "message_type": "heartbeat",
    "sender": "eager",
    "recipient": "orchestration_agent",
    "payload": {"status": "running"},
}
