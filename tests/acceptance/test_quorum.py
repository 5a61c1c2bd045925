"""Quorum queues, on a server that soon ends channels which hold messages: nothing needs either."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from orchestration.client import Client
from orchestration.handles import Handle
from tests.acceptance import victims
from tests.acceptance.checker import complaints
from tests.acceptance.node import Node, node_in
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE
from tests.acceptance.witness import START, TOLD, VARIABLE, Line, Witness
from tests.acceptance.witnessed import app
from tests.eventually import eventually

PATIENCE_S = 60.0
DWELL_S = 1.2
IMPATIENT = (  # a message may be held for half a second, and the server looks as often
    "application:set_env(rabbit, consumer_timeout, 500),"
    " application:set_env(rabbit, channel_tick_interval, 500)."
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with node_in(tmp_path / "node") as found:
        found.wait()
        found.control("eval", IMPATIENT)
        yield found


def types(node: Node) -> dict[str, str]:
    """The type of each queue."""
    listed = node.control("list_queues", "name", "type").splitlines()
    return dict(line.split("\t") for line in listed)


def ends_who_holds(node: Node) -> bool:
    """Whether the server ends a channel that holds a message for longer than it may."""
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, b"held")
        channel.basic_consume(queue, lambda *_: None)
        deadline = time.monotonic() + PATIENCE_S
        while channel.is_open and time.monotonic() < deadline:
            with suppress(ChannelClosedByBroker):
                connection.process_data_events(time_limit=0.1)
        return not channel.is_open


@pytest.mark.rabbitmq
@pytest.mark.timeout(150)
def test_steps_that_are_longer_than_a_message_may_be_held_run_once_on_quorum_queues(
    node: Node,
    witness: Witness,
    processes: Processes,
    tmp_path: Path,
    enter: Callable[[Workplace], None],
) -> None:
    more = {VARIABLE: str(witness.path), "RABBITMQ_QUEUE_TYPE": "quorum"}
    place = Workplace(tmp_path / "home", node.url, MODULE, more)
    enter(place)
    assert ends_who_holds(node)
    with Client(app=app) as client:
        processes.workers(place, MODULE, "-p", "1", "-t", "4")
        eventually(lambda: victims.workers_of(client.engine.store), within=PATIENCE_S)
        handles = [client.start("delivery", {"parcels": [1, 2, 3], "dwell": DWELL_S})]
        collect(witness, handles)
        assert {line.attempt for line in witness.lines() if line.what == START} == {1, 2}
        handles.append(client.start("delivery", {"parcels": [4, 5, 6], "dwell": DWELL_S}))
        eventually(
            lambda: handles[1].workflow_id in {line.run for line in witness.lines()},
            within=PATIENCE_S,
        )
        node.kill()
        node.start()
        node.wait()
        collect(witness, handles[1:])
    promises = {each.workflow_id: DELIVERED for each in handles}
    assert complaints(witness.lines(), promises) == []
    found = types(node)
    assert {found[queue] for queue in ("courier", "backtesting_agent")} == {"quorum"}
    assert found["orchestration_queue"] == "classic", "its arguments are the guide's"


def collect(witness: Witness, handles: list[Handle]) -> None:
    for each in handles:
        each.result(PATIENCE_S)
        witness.write(Line(TOLD, each.workflow_id, "completed"))
