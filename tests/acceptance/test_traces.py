"""One trace across processes: who asks on the bus, the workers, and an outside agent."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration.bus.address import Address
from orchestration.runtime.look import rabbitmq_status
from tests.acceptance.processes import Processes, Workplace
from tests.bus.peer import EXCHANGE, Peer
from tests.collector import Collector, collecting
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(300)]

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def place(vhost: str, collector: Collector, tmp_path: Path) -> Workplace:
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OUTSIDE_AGENTS": "helper"}
    return Workplace(tmp_path / "home", vhost, app="tests.acceptance.traced_fleet", more=more)


def ask(peer: Peer, command: str) -> None:
    """Send a command as somebody who is traced."""
    envelope = {
        "id": f"traced-{command}",
        "message_type": "command",
        "sender": peer.name,
        "recipient": "orchestration_agent",
        "payload": {"command_type": command, "parameters": {}},
    }
    properties = pika.BasicProperties(delivery_mode=2, headers={"traceparent": CALLER})
    body = json.dumps(envelope).encode()
    peer.channel.basic_publish(EXCHANGE, "command.orchestration", body, properties)


def test_one_trace_from_the_command_through_every_step(
    place: Workplace, processes: Processes, collector: Collector, vhost: str
) -> None:
    peer, helper = Peer(vhost, "asker"), Peer(vhost, "helper")
    peer.channel.queue_declare("for-helper", durable=True)
    peer.channel.queue_bind("for-helper", EXCHANGE, "command.helper")
    processes.workers(place, "tests.acceptance.traced_fleet", "-p", "2", "-t", "2")
    eventually(lambda: rabbitmq_status(Address(vhost))["is_consuming"], within=60)
    ask(peer, "mixed")
    found = eventually(lambda: taken(peer), within=60, what="the outside step")
    assert found is not None
    properties, command = found
    assert properties.headers["traceparent"][3:35] == TRACE
    answer = {"status": "completed", "result": {}, "command_id": command["payload"]["command_id"]}
    helper.say("response", answer)
    for each in (peer, helper):
        each.connection.close()
    wanted = {"send mixed", "smith.forge", "mixed"}
    eventually(lambda: {s.name for s in collector.of(TRACE)} >= wanted, within=60)
    spans = {span.name: span for span in collector.of(TRACE)}
    assert spans["send mixed"].parent_span_id.hex() == CALLER[36:52]
    sent = {span.span_id for span in collector.of(TRACE) if span.name == "send mixed"}
    assert spans["mixed"].parent_span_id in sent  # it came by two queues
    assert spans["smith.forge"].parent_span_id == spans["mixed"].span_id
    assert properties.headers["traceparent"][36:52] == spans["mixed"].span_id.hex()


def taken(peer: Peer) -> tuple[Any, Any] | None:
    """The next command for the outside agent, as any program would take it."""
    method, properties, body = peer.channel.basic_get("for-helper", auto_ack=True)
    return None if method is None else (properties, json.loads(body))


def test_a_command_of_the_command_line_begins_a_trace(
    place: Workplace, processes: Processes, collector: Collector
) -> None:
    code, output = processes.run(place, sys.executable, "-m", "orchestration", "send", "mixed")
    assert code == 0, output
    (span,) = eventually(lambda: list(collector.spans), within=30)
    assert (span.name, span.parent_span_id) == ("send mixed", b"")
