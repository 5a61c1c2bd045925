"""What the orchestrator says comes back to its own queue, and never crowds out a command there."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pika
import pytest

from orchestration.bus import topology
from orchestration.bus.address import parameters
from orchestration.bus.publisher import Publisher
from orchestration.clock import SystemClock, jitter
from orchestration.engine import Engine
from orchestration.engine.transaction import Rules
from orchestration.messages import EXCHANGE
from orchestration.ports import Session
from orchestration.runtime.echoes import LOOK_BELOW, MOST, Echoes
from orchestration.runtime.notifier import MOST_UNCONFIRMED, Notifier
from orchestration.runtime.writing import NoRelay
from orchestration.store import outbox
from orchestration.store.connect import Opened, open_store
from tests.eventually import eventually

SAID = 5_000


class Server:
    """A server that answers when it is told to."""

    def __init__(self) -> None:
        self.is_there = True
        self.asked: list[Callable[[int], None]] = []

    def look(self, queue: str, tell: Callable[[int], None]) -> bool:
        assert queue == topology.QUEUE
        if self.is_there:
            self.asked.append(tell)
        return self.is_there


@pytest.fixture
def server() -> Server:
    return Server()


def test_nothing_is_said_before_the_queue_was_looked_at(server: Server) -> None:
    echoes = Echoes(server.look)
    assert echoes.room(0) == 0
    server.asked[0](500)
    assert echoes.room(0) == MOST - 500


def test_what_is_said_or_unconfirmed_takes_room_until_the_next_look(server: Server) -> None:
    echoes = Echoes(server.look)
    echoes.room(300)
    server.asked[0](0)
    assert echoes.room(300) == MOST - 300
    echoes.say(1_000)
    assert echoes.room(1_000) == MOST - 1_300
    assert len(server.asked) == 2
    echoes.say(100)
    server.asked[1](50)
    assert echoes.room(0) == MOST - 1_000 - 100 - 50


def test_a_full_queue_leaves_no_room(server: Server) -> None:
    echoes = Echoes(server.look)
    echoes.room(0)
    server.asked[0](9_000)
    assert echoes.room(0) == 0
    server.asked[1](MOST - LOOK_BELOW)
    assert echoes.room(0) == LOOK_BELOW
    assert len(server.asked) == 2, "there is room, and it is known since a moment ago"


def test_a_question_that_could_not_be_asked_is_asked_again_at_once(server: Server) -> None:
    echoes = Echoes(server.look)
    server.is_there = False
    assert echoes.room(0) == 0
    server.is_there = True
    assert echoes.room(0) == 0
    assert len(server.asked) == 1


@pytest.fixture
def opened(quick_path: Path) -> Iterator[Opened]:
    """A store of one that has much to say."""
    found = open_store(f"sqlite:///{quick_path / 'store.db'}")
    now = SystemClock().now()

    def fill(session: Session) -> None:
        for number in range(SAID):
            outbox.say(session, f"topic-{number}", "response.somebody", "{}", now, None)

    found.store.write(fill)
    yield found
    found.store.close()


@pytest.mark.rabbitmq
def test_at_most_2000_echoes_wait_and_all_is_said_in_the_end(vhost: str, opened: Opened) -> None:
    store, rules = opened.store, Rules(me="a test", jitter=jitter)
    engine = Engine(store, NoRelay(), rules)
    post = partial(Publisher, partial(parameters, vhost, "a test"), exchange=EXCHANGE)
    notifier = Notifier(engine, opened.locks, post)
    depths: list[int] = []
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        channel = connection.channel()
        topology.declare(channel)
        channel.basic_publish(EXCHANGE, "command.orchestration", b"somebody's command")

        def is_full() -> bool:
            found = channel.queue_declare(topology.QUEUE, passive=True)
            depths.append(found.method.message_count)
            return depths[-1] == MOST

        notifier.start()
        try:
            eventually(is_full, within=30)
            _, _, first = channel.basic_get(topology.QUEUE, auto_ack=True)
            assert first == b"somebody's command"
            eventually(is_full, within=30)
            for taken, _ in enumerate(channel.consume(topology.QUEUE, auto_ack=True), start=1):
                if taken == SAID:
                    break
            eventually(lambda: store.read(outbox.is_empty), within=30)
        finally:
            notifier.stop()
    assert max(depths) == MOST


def test_no_more_is_unconfirmed_than_may_wait() -> None:
    assert MOST_UNCONFIRMED <= MOST
