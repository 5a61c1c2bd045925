"""Queues are listed with what RabbitMQ and the store know of them, and purged on demand."""

from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from orchestration.bus import topology
from orchestration.cli import selecting
from orchestration.client import Client
from orchestration.runtime.names import ORCHESTRATOR
from tests.cli.conftest import Cli
from tests.rabbitmq import ARGUMENTS

Values = Callable[..., Any]


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["queue"]: row for row in rows}


def test_embedded_the_store_knows_what_waits(cli: Cli, values: Values, client: Client) -> None:
    client.start("job")
    found = by_name(values("queues"))
    waiting = {"ready": 2, "queued": 0, "running": 0}
    assert found["worker"] == {
        "queue": "worker",
        "agent": "worker",
        **waiting,
        **dict.fromkeys(["depth", "consumers", "unacked", "in_per_second", "out_per_second"]),
    }
    assert "depth" not in cli("queues", "list").stdout
    assert "no queue to purge" in cli("queues", "purge", "worker", "-y", code=2).stderr


@pytest.fixture
def channel(vhost: str, home: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingChannel]:
    del home
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        found = connection.channel()
        found.confirm_delivery()
        topology.declare(found)
        found.queue_declare("worker", durable=True, arguments=ARGUMENTS)
        for _ in range(3):
            found.basic_publish("", topology.INBOX, b"{}")
            found.basic_publish("", "worker", b"{}")
        yield found


@pytest.mark.rabbitmq
def test_on_rabbitmq_depth_and_consumers_stand_beside_it(
    channel: BlockingChannel, cli: Cli, values: Values, client: Client
) -> None:
    del client
    channel.basic_consume(topology.QUEUE, lambda *_: None)
    found = by_name(values("queues"))
    assert (found["worker"]["depth"], found["worker"]["consumers"]) == (3, 0)
    assert len(values("queues", "--limit", "1")) == 1 < len(found)
    assert (found[topology.INBOX]["depth"], found[topology.INBOX]["ready"]) == (3, None)
    assert found[topology.QUEUE]["consumers"] == 1
    assert found[ORCHESTRATOR]["depth"] is None
    assert "RABBITMQ_MANAGEMENT_URL" in cli("queues").stderr


@pytest.mark.rabbitmq
def test_a_queue_is_purged_once_its_name_is_typed(
    channel: BlockingChannel,
    cli: Cli,
    values: Values,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = cli("queues", "purge", topology.INBOX, code=2).stderr
    assert "commands that nobody has acknowledged among it; add --yes" in refused
    monkeypatch.setattr(selecting, "is_terminal", lambda: True)
    cli("queues", "purge", topology.INBOX, code=1, stdin="yes\n")
    asked = cli("queues", "purge", topology.INBOX, stdin=f"{topology.INBOX}\n")
    assert "3" in asked.stdout
    assert values("queues", "purge", "worker", "--yes") == [{"queue": "worker", "dropped": 3}]
    left = channel.queue_declare("worker", passive=True).method.message_count
    assert left == 0
    audited = client.engine.store.read(lambda s: s.all("SELECT action, subject FROM audit"))
    assert audited == [("purge", topology.INBOX), ("purge", "worker")]


@pytest.mark.rabbitmq
def test_a_queue_of_somebody_else_is_left_alone(
    channel: BlockingChannel, cli: Cli, client: Client
) -> None:
    del channel, client
    problem = cli("queues", "purge", "other", "--yes", code=2).stderr
    assert "no queue 'other' of this fleet; its queues: " in problem
