"""The publisher: confirms in a window, and again whatever was not confirmed."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import pika
import pytest
from pika.adapters.select_connection import SelectConnection
from pika.exceptions import AMQPError

from orchestration.bus import publisher as publishers
from orchestration.bus.address import parameters
from orchestration.bus.publisher import WINDOW, Letter, Publisher, Refusal
from orchestration.ports import Dispatch
from orchestration.runtime.relay import Relay
from tests.eventually import eventually
from tests.rabbitmq import ARGUMENTS, control, fresh_vhost

QUEUE = "letters"
MANY = 5 * WINDOW

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(scope="module")
def module_vhost() -> Iterator[str]:
    with fresh_vhost() as url:
        yield url


class Desk:
    """A connection of the test's own, and what its publisher was told is on disk."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.vhost = url.rpartition("/")[2]
        self.confirmed: list[int] = []
        self.refused: list[Refusal] = []
        self.connect()
        self.channel.queue_declare(QUEUE, durable=True, arguments=ARGUMENTS)
        self.channel.queue_purge(QUEUE)

    def connect(self) -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(self.url))
        self.channel = self.connection.channel()

    def note(self, tags: Sequence[int]) -> None:
        self.confirmed.extend(tags)

    def take_back(self, refusals: Sequence[Refusal]) -> None:
        self.refused.extend(refusals)

    def bodies(self) -> list[int]:
        """What lies on the queue; it is taken away."""
        found = []
        while (got := self.channel.basic_get(QUEUE, auto_ack=True))[2] is not None:
            found.append(int(got[2]))
        return found

    def cut(self) -> None:
        """Let the server close every connection of the vhost, ours too."""
        control("close_all_connections", "-p", self.vhost, "test")
        with suppress(AMQPError):
            self.connection.process_data_events(time_limit=1)
        self.connect()

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def desk(module_vhost: str) -> Iterator[Desk]:
    found = Desk(module_vhost)
    yield found
    found.close()


def letters(first: int, count: int) -> list[Letter]:
    return [
        Letter("", QUEUE, str(number).encode(), tag=number)
        for number in range(first, first + count)
    ]


def test_closing_waits_until_everything_is_on_disk(desk: Desk) -> None:
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note)
    publisher.publish(letters(0, MANY))
    publisher.close()
    assert desk.bodies() == list(range(MANY))
    assert desk.confirmed == list(range(MANY))


def test_no_more_than_a_window_is_under_way(desk: Desk) -> None:
    most = 0
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note)
    publisher.publish(letters(0, MANY))
    while len(desk.confirmed) < MANY:
        most = max(most, len(publisher._unconfirmed))  # noqa: SLF001
    publisher.close()
    assert 0 < most <= WINDOW


def test_many_threads_may_publish(desk: Desk) -> None:
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note)
    threads = [
        threading.Thread(target=publisher.publish, args=(letters(100 * n, 100),)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publisher.close()
    assert sorted(desk.bodies()) == list(range(800))


def test_what_was_not_confirmed_when_the_connection_broke_is_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "PAUSE_S", 0.05)
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note)
    publisher.publish(letters(0, 1))
    eventually(lambda: publisher.is_open, within=5)
    sent = 1
    for _ in range(3):
        cutter = threading.Thread(target=desk.cut)
        cutter.start()
        while cutter.is_alive():
            publisher.publish(letters(sent, 20))
            sent += 20
            cutter.join(0.02)
    eventually(lambda: len(set(desk.confirmed)) == sent, within=20)
    publisher.close()
    assert set(desk.confirmed) == set(range(sent))
    assert set(desk.bodies()) == set(range(sent))


def test_what_a_queue_refuses_is_given_back_and_not_sent_again(desk: Desk) -> None:
    tiny = f"{QUEUE}.tiny"
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    desk.channel.queue_declare(tiny, durable=True, arguments=arguments)
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note, desk.take_back)
    publisher.publish([Letter("", tiny, b"%d" % number, tag=number) for number in range(5)])
    eventually(lambda: len(desk.confirmed) + len(desk.refused) == 5, within=20)
    publisher.close()
    assert desk.refused
    assert not any(each.for_good for each in desk.refused)


def test_one_letter_that_is_refused_is_given_back_and_takes_no_other_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "PAUSE_S", 0.05)
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note, desk.take_back)
    nowhere = Letter("nowhere", "some.key", b"0", tag=-1)
    publisher.publish([*letters(0, 5), nowhere, *letters(5, 5)])
    eventually(lambda: set(desk.confirmed) == set(range(10)), within=20)
    publisher.publish(letters(10, 10))
    publisher.close()
    assert set(desk.bodies()) == set(range(20))
    assert [each.letter for each in desk.refused] == [nowhere]
    assert "NOT_FOUND" in desk.refused[0].reason
    assert not desk.refused[0].for_good, "the exchange may come"


def test_an_unexpected_error_does_not_end_the_thread(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publishers, "PAUSE_S", 0.05)
    failures = [RuntimeError("can't start new thread")]

    def connect(*args: object, **more: object) -> object:
        if failures:
            raise failures.pop()
        return SelectConnection(*args, **more)

    monkeypatch.setattr(publishers, "SelectConnection", connect)
    publisher = Publisher(partial(parameters, desk.url, "test"), desk.note)
    publisher.publish(letters(0, 3))
    eventually(lambda: desk.confirmed == [0, 1, 2], within=5)
    publisher.close()
    assert "can't start new thread" in caplog.text


def test_a_broker_that_is_away_costs_nobody_anything_but_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publishers, "PAUSE_S", 0.01)
    monkeypatch.setattr(publishers, "CLOSING_S", 0.3)
    publisher = Publisher(partial(parameters, "amqp://guest:guest@127.0.0.1:1/x", "test"))
    publisher.publish(letters(0, 3))
    eventually(lambda: caplog.text.count("no connection to RabbitMQ") > 2, within=5)
    publisher.publish(letters(3, 3))
    assert not publisher.is_open
    monkeypatch.setattr(publishers, "STALLED_S", 0.01)
    eventually(lambda: publisher.is_stalled, within=5)
    publisher.close()


def test_closing_what_never_began_is_easy(desk: Desk) -> None:
    Publisher(partial(parameters, desk.url, "test")).close()


def test_a_relay_sends_what_a_worker_can_read(desk: Desk) -> None:
    relay = Relay(partial(parameters, desk.url, "test"))
    relay.send([Dispatch(QUEUE, "run", "step", 2, 3, alone=True)])
    eventually(lambda: relay.is_open, within=5)
    assert relay.flows
    relay.close()
    body = desk.channel.basic_get(QUEUE, auto_ack=True)[2]
    assert b'"args":["run","step",2,3,true]' in body.replace(b", ", b",").replace(b": ", b":")


def test_it_counts_what_waits_in_a_queue_and_goes_on_where_there_is_none(
    desk: Desk,
) -> None:
    publisher = Publisher(partial(parameters, desk.url, "a test"), desk.note)
    told: list[int] = []
    assert not publisher.look(QUEUE, told.append), "it has only begun to connect"
    publisher.publish([Letter("", QUEUE, str(n).encode(), n) for n in range(3)])
    eventually(lambda: len(desk.confirmed) == 3, within=20)
    assert publisher.look(QUEUE, told.append)
    assert publisher.look("no such queue", told.append)
    eventually(lambda: sorted(told) == [0, 3], within=20)
    assert publisher.is_open
    publisher.close()
