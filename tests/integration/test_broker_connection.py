"""One connection for all queues of a process: who shares it notices its end, and comes back."""

import threading
from collections.abc import Iterator
from typing import Any

import pika
import pytest
from dramatiq import Message
from dramatiq.errors import BrokerConnectionError

from orchestration.bus.address import parameters
from orchestration.runtime import shared_connection
from orchestration.runtime.broker import HardRabbitmqBroker, make_broker
from orchestration.runtime.shared_connection import Feed, SharedConnection
from tests.eventually import eventually
from tests.integration.brokers import cut, take
from tests.rabbitmq import QUEUE_TYPE

SHARED_QUEUE = "line"
THREE = ("one", "two", "three")


@pytest.fixture
def several(module_vhost: str) -> Iterator[HardRabbitmqBroker]:
    """A broker with three queues."""
    broker = make_broker(module_vhost, [], QUEUE_TYPE)
    assert isinstance(broker, HardRabbitmqBroker)
    for name in THREE:
        broker.declare_queue(name)
    broker.ensure_queues()
    yield broker
    for name in THREE:
        broker.flush(name)
    broker.close()


def to(queue: str, number: int) -> "Message[None]":
    return Message(queue_name=queue, actor_name=queue, args=(number,), kwargs={}, options={})


@pytest.mark.rabbitmq
def test_a_process_consumes_all_of_its_queues_over_one_connection(
    several: HardRabbitmqBroker,
) -> None:
    consumers = {name: several.consume(name, prefetch=2, timeout=50) for name in THREE}
    assert len({id(each.connection) for each in consumers.values()}) == 1  # type: ignore[attr-defined]
    for number, name in enumerate(THREE):
        several.enqueue(to(name, number))
    for number, name in enumerate(THREE):
        message = take(consumers[name])
        assert message.args == (number,)
        consumers[name].ack(message)
    shared = several.shared_connection()
    consumers["one"].close()
    assert shared.is_up, "the others go on"
    several.enqueue(to("two", 7))
    assert take(consumers["two"]).args == (7,)
    consumers["two"].close()
    consumers["three"].close()
    assert [shared.is_up, shared.connection.is_open] == [False, False], "the last one hangs up"
    again = several.consume("two", prefetch=1, timeout=50)
    assert take(again).args == (7,), "what was not settled goes to others"
    again.close()


@pytest.mark.rabbitmq
def test_all_consumers_notice_that_the_connection_is_lost_and_come_back(
    several: HardRabbitmqBroker,
) -> None:
    consumers = {name: several.consume(name, prefetch=1, timeout=50) for name in THREE}
    several.enqueue(to("one", 1))
    held = take(consumers["one"])
    cut(several)
    for consumer in consumers.values():
        with pytest.raises(BrokerConnectionError):
            eventually(lambda c=consumer: next(c), within=10)  # type: ignore[misc]
    with pytest.raises(BrokerConnectionError):
        consumers["one"].ack(held)
    for consumer in consumers.values():
        consumer.close()
    back = several.consume("one", prefetch=1, timeout=50)
    assert take(back).args == (1,)
    back.close()


@pytest.mark.rabbitmq
def test_a_queue_that_is_deleted_ends_its_own_consumer_and_comes_back(
    several: HardRabbitmqBroker,
) -> None:
    consumers = {name: several.consume(name, prefetch=1, timeout=50) for name in THREE}
    several.channel.queue_delete("one")
    with pytest.raises(BrokerConnectionError):
        eventually(lambda: next(consumers["one"]), within=10)
    consumers["one"].close()
    with pytest.raises(BrokerConnectionError):
        several.consume("one", prefetch=1, timeout=50)
    again = several.consume("one", prefetch=1, timeout=50)
    several.enqueue(to("one", 3))
    several.enqueue(to("two", 4))
    assert take(again).args == (3,)
    assert take(consumers["two"]).args == (4,)
    for consumer in (again, consumers["two"], consumers["three"]):
        consumer.close()


@pytest.fixture
def shared(module_vhost: str) -> Iterator[SharedConnection]:
    address = parameters(module_vhost, "tests")
    found = SharedConnection(address, lambda c: ignore(c.channel().queue_declare(SHARED_QUEUE)))
    feed = found.open(SHARED_QUEUE, 1, 0.1)
    yield found
    found.close(feed)


def ignore(_: object) -> None:
    """Nothing is to be done with it."""


def consumers(url: str) -> int:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        found = connection.channel().queue_declare(SHARED_QUEUE, passive=True)
        return int(found.method.consumer_count)


@pytest.mark.rabbitmq
@pytest.mark.parametrize("begun", [False, True])
def test_what_is_opened_for_who_waits_no_longer_takes_no_messages(
    shared: SharedConnection,
    module_vhost: str,
    begun: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = threading.Event()

    class Slow(Feed):
        def __init__(self, *what: Any) -> None:
            super().__init__(*what)
            free.wait(10)

    with monkeypatch.context() as patches:
        if begun:
            patches.setattr(shared_connection, "Feed", Slow)
        else:
            shared.connection.add_callback_threadsafe(lambda: ignore(free.wait(10)))
        patches.setattr(shared_connection, "PATIENCE_S", 0.5)
        with pytest.raises(TimeoutError):
            shared.open(SHARED_QUEUE, 5, 0.1)
        free.set()
        eventually(lambda: consumers(module_vhost) == 1, within=10)
    feed = shared.open(SHARED_QUEUE, 5, 0.1)  # after all that was to be done before
    assert consumers(module_vhost) == 2
    shared.close(feed)


@pytest.mark.rabbitmq
def test_a_settlement_on_a_closed_channel_harms_no_other_queue(shared: SharedConnection) -> None:
    feed = shared.open(SHARED_QUEUE, 1, 0.1)
    for operation in (
        feed.channel.close,
        lambda: feed.basic_ack(1),
        lambda: feed.basic_nack(1, requeue=False),
    ):
        shared.connection.add_callback_threadsafe(operation)
    shared.close(shared.open(SHARED_QUEUE, 1, 0.1))
    assert shared.is_up
