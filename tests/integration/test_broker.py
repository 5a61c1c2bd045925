"""The hardened brokers: what a message may look like, and how it is settled, on both of them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import pika
import pytest
from dramatiq import Message, Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerConnectionError

from orchestration import settings
from orchestration.bus.address import parameters
from orchestration.definitions import App
from orchestration.errors import BrokerError
from orchestration.runtime import acknowledgement
from orchestration.runtime.acknowledgement import CurrentMessage
from orchestration.runtime.broker import HardRabbitmqBroker, make_broker
from orchestration.runtime.host import Host
from orchestration.runtime.names import ORCHESTRATOR
from orchestration.runtime.process import Lifecycle
from orchestration.runtime.reach import require_broker
from orchestration.runtime.running import Setup
from tests.eventually import eventually
from tests.integration.brokers import ON_RABBITMQ, QUEUE, VHOSTS, cut, good, take
from tests.rabbitmq import QUEUE_TYPE, control

ODD: dict[str, Any] = {
    "options": None,
    "kwargs": [],
    "args": 7,
    "queue_name": 7,
    "actor_name": None,
    "message_id": 1.5,
}
GOOD: dict[str, Any] = {
    "queue_name": QUEUE,
    "actor_name": QUEUE,
    "args": [1],
    "kwargs": {},
    "options": {},
    "message_id": "m",
    "message_timestamp": 0,
}
MALFORMED: dict[str, bytes] = {
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe",
    "no object": b"[1, 2]",
    "a number": b"7",
    "null": b"null",
    "empty": b"",
    "a field too few": json.dumps({k: v for k, v in GOOD.items() if k != "args"}).encode(),
    "a field too many": json.dumps(GOOD | {"surprise": 1}).encode(),
    **{
        f"{name} is {value!r}": json.dumps(GOOD | {name: value}).encode()
        for name, value in ODD.items()
    },
    "options from elsewhere": json.dumps(GOOD | {"options": {"eta": 10**15}}).encode(),
    "another queue": json.dumps(GOOD | {"queue_name": "elsewhere"}).encode(),
    "no such actor": json.dumps(GOOD | {"actor_name": "nobody"}).encode(),
}


@pytest.fixture(params=["stub", *ON_RABBITMQ])
def broker(request: pytest.FixtureRequest) -> Iterator[dramatiq.Broker]:
    url = request.getfixturevalue(VHOSTS[request.param]) if request.param in VHOSTS else None
    found = make_broker(url, [CurrentMessage()], request.param)
    found.declare_queue(QUEUE)
    if isinstance(found, HardRabbitmqBroker):
        found.ensure_queues()
        found.flush(QUEUE)
    yield found
    if isinstance(found, HardRabbitmqBroker):
        found.flush_all()
    found.close()


def actor(broker: dramatiq.Broker, work: Callable[[int], None]) -> None:
    dramatiq.actor(actor_name=QUEUE, queue_name=QUEUE, broker=broker)(work)


@pytest.mark.rabbitmq
def test_no_malformed_message_hinders_the_next_good_one(module_vhost: str) -> None:
    broker = make_broker(module_vhost, [], QUEUE_TYPE)
    assert isinstance(broker, HardRabbitmqBroker)
    done: list[int] = []
    actor(broker, done.append)
    broker.ensure_queues()
    with working(broker) as worker:
        for number, body in enumerate(MALFORMED.values()):
            broker.channel.basic_publish("", QUEUE, body)
            broker.enqueue(good(number))
        eventually(lambda: len(done) == len(MALFORMED), within=10)
        assert all(thread.is_alive() for thread in (*worker.workers, *worker.consumers.values()))
        dead = f"{QUEUE}.XQ"
        eventually(lambda: count(broker, dead) == len(MALFORMED), within=5, what="all in the XQ")
    broker.close()


@contextmanager
def working(broker: dramatiq.Broker) -> Iterator[Worker]:
    """A started worker, stopped when the block ends."""
    worker = Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def count(broker: HardRabbitmqBroker, queue: str) -> int:
    """How many messages lie ready on a queue."""
    return int(broker.channel.queue_declare(queue, passive=True).method.message_count)


def test_a_message_is_settled_once(broker: dramatiq.Broker) -> None:
    consumer = broker.consume(QUEUE, prefetch=2, timeout=100)
    for number in (1, 2):
        broker.enqueue(good(number))
    first = take(consumer)
    consumer.ack(first)
    consumer.ack(first)
    consumer.nack(first)
    assert take(consumer).args == (2,)
    consumer.close()


def test_what_is_given_back_comes_again(broker: dramatiq.Broker) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if len(done) == 1:
            acknowledgement.give_back()
            acknowledgement.give_back()

    actor(broker, work)
    with working(broker) as worker:
        broker.enqueue(good(7))
        eventually(lambda: len(done) == 2, within=10)
        eventually(lambda: unsettled(broker) == 0, within=10)
        worker.join()
    assert done == [7, 7]


@pytest.mark.rabbitmq
def test_a_worker_that_is_told_to_end_gives_back_at_once_what_it_has_not_begun(
    module_vhost: str, caplog: pytest.LogCaptureFixture
) -> None:
    free, begun = threading.Event(), threading.Semaphore(0)

    def work(_number: int) -> None:
        acknowledgement.acknowledge()
        begun.release()
        free.wait(20)

    lifecycle = Lifecycle()
    broker = make_broker(module_vhost, [CurrentMessage()], QUEUE_TYPE)
    assert isinstance(broker, HardRabbitmqBroker)
    lifecycle.host = Host(Setup(App(agents=[], workflows=[]), settings.load({}), broker))
    actor(broker, work)
    broker.ensure_queues()
    other = make_broker(module_vhost, [], QUEUE_TYPE)
    with working(broker) as worker:
        for number in range(5):
            broker.enqueue(good(number))
        for _ in range(worker.worker_threads):
            assert begun.acquire(timeout=10)
        lifecycle.before_worker_shutdown(broker, worker)
        consumer = other.consume(QUEUE, prefetch=5, timeout=100)
        assert sorted(take(consumer).args[0] for _ in range(3)) == [2, 3, 4]
        free.set()
        worker.join()
    assert "connection" not in caplog.text
    consumer.close()
    broker.flush(QUEUE)
    broker.close()
    other.close()


@pytest.mark.rabbitmq
def test_a_delivery_of_a_lost_connection_settles_nothing_on_the_next(module_vhost: str) -> None:
    broker = make_broker(module_vhost, [], QUEUE_TYPE)
    assert isinstance(broker, HardRabbitmqBroker)
    broker.declare_queue(QUEUE, ensure=True)
    broker.enqueue(good(1))
    before = broker.consume(QUEUE, prefetch=1, timeout=100)
    old = take(before)
    before.close()
    after = broker.consume(QUEUE, prefetch=1, timeout=100)
    again = take(after)
    after.ack(old)
    after.close()
    last = broker.consume(QUEUE, prefetch=1, timeout=100)
    assert take(last).message_id == again.message_id
    last.close()
    broker.flush(QUEUE)
    broker.close()


def test_what_is_settled_while_it_works_is_gone_at_once(broker: dramatiq.Broker) -> None:
    settled, free = threading.Event(), threading.Event()

    def work(_number: int) -> None:
        acknowledgement.acknowledge()
        acknowledgement.acknowledge()
        settled.set()
        free.wait(10)

    actor(broker, work)
    with working(broker) as worker:
        broker.enqueue(good(1))
        assert settled.wait(10)
        eventually(lambda: unsettled(broker) == 0, within=10)
        free.set()
        worker.join()
        assert all(thread.is_alive() for thread in worker.workers)


def unsettled(broker: dramatiq.Broker) -> int:
    if isinstance(broker, StubBroker):
        return int(broker.queues[QUEUE].unfinished_tasks)
    assert isinstance(broker, HardRabbitmqBroker)
    assert isinstance(broker.parameters, pika.URLParameters)
    vhost = broker.parameters.virtual_host
    listed = control("list_queues", "-p", vhost, "name", "messages_unacknowledged")
    return int(dict(line.split("\t") for line in listed.splitlines() if QUEUE in line)[QUEUE])


@pytest.mark.rabbitmq
def test_what_is_kept_goes_to_somebody_else(module_vhost: str) -> None:
    broker = make_broker(module_vhost, [CurrentMessage()], QUEUE_TYPE)
    kept = threading.Event()

    def work(_number: int) -> None:
        acknowledgement.keep()
        kept.set()

    actor(broker, work)
    with working(broker):
        broker.enqueue(good(5))
        assert kept.wait(10)
    consumer = broker.consume(QUEUE, prefetch=1, timeout=100)
    assert take(consumer).args == (5,)
    consumer.close()
    broker.flush(QUEUE)
    broker.close()


@pytest.mark.rabbitmq
def test_a_settlement_on_a_broken_connection_is_left_to_the_broker(module_vhost: str) -> None:
    broker = make_broker(module_vhost, [], QUEUE_TYPE)
    assert isinstance(broker, HardRabbitmqBroker)
    broker.declare_queue(QUEUE, ensure=True)
    broker.enqueue(good(1))
    consumer = broker.consume(QUEUE, prefetch=1, timeout=100)
    message = take(consumer)
    cut(broker)
    with pytest.raises(BrokerConnectionError):
        consumer.ack(message)
    vars(message)["settled"] = False
    acknowledgement._current.message = message  # noqa: SLF001
    acknowledgement.acknowledge()
    acknowledgement._current.message = None  # noqa: SLF001
    broker.flush(QUEUE)
    broker.close()


@pytest.mark.rabbitmq
def test_ticks_that_nobody_reads_do_not_pile_up(module_vhost: str) -> None:
    broker = make_broker(module_vhost, [], QUEUE_TYPE)
    assert isinstance(broker, HardRabbitmqBroker)
    broker.declare_queue(ORCHESTRATOR, ensure=True)
    for _ in range(150):
        broker.enqueue(
            Message(
                queue_name=ORCHESTRATOR, actor_name=ORCHESTRATOR, args=(), kwargs={}, options={}
            )
        )
    assert count(broker, ORCHESTRATOR) == 100
    broker.close()


@pytest.mark.rabbitmq
def test_a_queue_is_one_queue_and_no_delays(module_vhost: str) -> None:
    name = module_vhost.rpartition("/")[2]
    assert f"{QUEUE}.DQ" not in control("list_queues", "-p", name, "name").split()


def test_what_the_address_asks_for_wins() -> None:
    found = parameters("amqp://a:b@c:1/v?heartbeat=7&blocked_connection_timeout=9", "me")
    assert (found.heartbeat, found.blocked_connection_timeout) == (7, 9)
    plain = parameters("amqp://a:b@c:1/v", "me")
    assert (plain.heartbeat, plain.blocked_connection_timeout) == (5, 60)
    assert plain.client_properties == {"connection_name": "me"}


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    with pytest.raises(BrokerError, match=r"amqp://127.0.0.1:1/v .*refused") as caught:
        require_broker("amqp://me:hunter2@127.0.0.1:1/v")
    assert "hunter2" not in str(caught.value)
