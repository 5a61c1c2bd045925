"""A backlog that only grows is told, wherever it is."""

import pika
import pytest

from orchestration.bus import topology
from orchestration.bus.address import Address
from orchestration.depths import DEEP, RISES
from orchestration.runtime.backlog import Backlog
from orchestration.store import alerts
from tests.integration.workshop import Anvil, Workshop


def growing(workshop: Workshop) -> dict[str, str]:
    found = workshop.store.read(lambda s: alerts.newest(s, 9))
    return {alert.subject: alert.message for alert in found if alert.kind == "depth_growing"}


def test_pending_workflows_and_steps_that_pile_up(workshop: Workshop) -> None:
    backlog = Backlog(workshop.engine, None)
    for n in range(RISES + 1):
        for _ in range(DEEP if n == 0 else 1):
            workshop.start()
        workshop.start({"pieces": list(range(DEEP))}) if n == 0 else None
        assert growing(workshop) == {}
        backlog.look()
    found = growing(workshop)
    assert list(found) == ["pending workflows"]
    assert "more come than are done" in found["pending workflows"]


@pytest.mark.rabbitmq
def test_the_orchestrators_own_queue(workshop: Workshop, vhost: str, anvil: Anvil) -> None:
    del anvil
    backlog = Backlog(workshop.engine, Address(vhost))
    backlog.look()
    connection = pika.BlockingConnection(pika.URLParameters(vhost))
    channel = connection.channel()
    topology.declare(channel)
    channel.confirm_delivery()
    for _ in range(RISES + 1):
        for _ in range(DEEP // 2):
            channel.basic_publish("", topology.QUEUE, b"{}")
        backlog.look()
    connection.close()
    assert list(growing(workshop)) == [topology.QUEUE]
