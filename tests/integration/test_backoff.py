"""Who takes nothing keeps nobody else from being told."""

from datetime import datetime
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
from orchestration.runtime.backoff import LONGEST_S, PAUSE_S, Backoff
from orchestration.runtime.notifier import Notifier
from orchestration.runtime.turns import Said, choose
from orchestration.runtime.writing import NoRelay
from orchestration.store import outbox
from orchestration.store.connect import open_store
from orchestration.store.outbox import OutboxRow
from tests.eventually import eventually


def row(number: int, topic: str, run_id: str | None, kind: str = outbox.LETTER) -> OutboxRow:
    return OutboxRow(number, topic, 1, run_id, kind, "command.out", "{}", "out")


def test_a_requester_is_told_one_thing_at_a_time_and_commands_leave_together() -> None:
    ack = row(1, "ack:run:mgmt:id", "run")
    final = row(2, "final:run", "run", outbox.NOTICE)
    commands = [row(number, f"run:step[{number}]:1", "run") for number in range(3, 6)]
    cancel = row(6, f"{commands[0].topic}:cancel", "run")
    rows = [ack, final, *commands, cancel]
    assert choose(rows, []) == [ack, *commands]
    assert choose(rows[1:], [Said(1, 1, "mgmt", "final:run", "run")]) == [*commands]


def test_who_refuses_is_left_alone_for_twice_as_long_each_time() -> None:
    now = [0.0]
    backoff = Backoff(lambda: now[0])
    assert backoff.share("full", 9) == 9
    pauses = []
    for _ in range(8):
        rest = backoff.refuse("full")
        assert rest is not None
        assert backoff.refuse("full") is None, "several were under way"
        assert backoff.share("full", 9) == 0
        assert backoff.share("other", 9) == 9
        pauses.append(rest.pause_s)
        now[0] = rest.until
        assert backoff.share("full", 9) == 1, "one thing is tried"
    assert pauses == [PAUSE_S, 2, 4, 8, 16, 32, LONGEST_S, LONGEST_S]
    assert backoff.take("full")
    assert not backoff.take("full")
    assert backoff.share("full", 9) == 9


@pytest.mark.rabbitmq
def test_one_whose_queue_is_full_silences_nobody(vhost: str, quick_path: Path) -> None:
    opened = open_store(f"sqlite:///{quick_path / 'store.db'}")
    now: datetime = SystemClock().now()

    def fill(session: Session) -> None:
        for number in range(1_200):
            outbox.say(session, f"t-{number}", "response.hostile", "{}", now, None)
        outbox.say(session, "good", "response.good", "{}", now, None)

    opened.store.write(fill)
    engine = Engine(opened.store, NoRelay(), Rules(me="a test", jitter=jitter))
    post = partial(Publisher, partial(parameters, vhost, "a test"), exchange=EXCHANGE)
    notifier = Notifier(engine, opened.locks, post)
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        channel = connection.channel()
        topology.declare(channel)
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("hostile", durable=True, arguments=full)
        channel.queue_bind("hostile", EXCHANGE, "response.hostile")
        channel.queue_declare("good", durable=True)
        channel.queue_bind("good", EXCHANGE, "response.good")
        notifier.start()
        try:
            eventually(lambda: channel.basic_get("good", auto_ack=True)[2], within=30)
            assert not opened.store.read(outbox.is_empty)
            channel.queue_delete("hostile")
            eventually(lambda: opened.store.read(outbox.is_empty), within=60)
            assert not notifier.is_dead
        finally:
            notifier.stop()
            opened.store.close()
