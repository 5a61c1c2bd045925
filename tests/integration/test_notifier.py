"""What the notifier does with what it cannot say: tick by tick, with a post that does as told."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from orchestration import settings
from orchestration.bus.address import Address, address_in
from orchestration.bus.publisher import Letter, Refusal
from orchestration.bus.tls import Tls
from orchestration.clock import jitter
from orchestration.engine import Engine
from orchestration.engine.transaction import Rules
from orchestration.errors import ConfigurationError
from orchestration.ports import Session
from orchestration.runtime.backoff import LONGEST_S
from orchestration.runtime.broker import make_broker
from orchestration.runtime.embedded import hosted
from orchestration.runtime.notifier import MOST_UNCONFIRMED, Notifier
from orchestration.runtime.running import Setup
from orchestration.runtime.writing import NoRelay
from orchestration.store import alerts, dead_letters, outbox
from orchestration.store.presence import MemoryLocks
from orchestration.store.sqlite import MemoryStore
from orchestration.views import workflow
from tests.bus.fleet import app
from tests.bus.orchestra import environment
from tests.clock import FakeClock, go_by
from tests.eventually import eventually

FULL = "a queue that it goes to refuses it"


@dataclass
class Post:
    """Keeps what it is given; the test says what becomes of it."""

    confirm: Callable[[Sequence[Any]], None] = lambda _: None
    refuse: Callable[[Sequence[Refusal]], None] = lambda _: None
    letters: list[Letter] = field(default_factory=list)

    def publish(self, letters: Sequence[Letter]) -> None:
        self.letters += letters

    def look(self, _queue: str, tell: Callable[[int], None]) -> bool:
        tell(0)
        return True

    def close(self) -> None:
        pass

    def taken(self) -> list[str]:
        """Confirm everything; the routing keys of it."""
        letters, self.letters = self.letters, []
        self.confirm([letter.tag for letter in letters])
        return [letter.routing_key for letter in letters]

    def refused(self, *, for_good: bool = False) -> None:
        """Give everything back."""
        letters, self.letters = self.letters, []
        self.refuse([Refusal(letter, FULL, for_good) for letter in letters])


class Office:
    """A notifier that has been elected, its post and its store."""

    def __init__(self, store: MemoryStore) -> None:
        self.clock, self.store, self.post = FakeClock(), store, Post()
        go_by(store, self.clock)
        engine = Engine(self.store, NoRelay(), Rules(me="a test", jitter=jitter))

        def post(confirm: Any, refuse: Any) -> Post:
            self.post.confirm, self.post.refuse = confirm, refuse
            return self.post

        self.notifier = Notifier(engine, MemoryLocks(), post)

    def say(self, topic: str, key: str, *, urgent: bool = False) -> None:
        now = self.clock.now()
        self.store.write(lambda s: outbox.say(s, topic, key, "{}", now, None, urgent=urgent))

    def tick(self) -> Post:
        self.notifier.tick()
        return self.post

    def left(self) -> int:
        return int(self.store.read(lambda s: s.one("SELECT COUNT(*) FROM outbox"))[0])  # type: ignore[index]


@pytest.fixture
def office(memory: MemoryStore) -> Office:
    return Office(memory)


def test_what_is_refused_for_good_becomes_a_dead_letter_and_is_never_said_again(
    office: Office,
) -> None:
    office.say("huge", "response.a")
    office.say("small", "response.b")
    office.tick().refused(for_good=True)
    office.notifier.settle()
    assert office.left() == 0
    letters = office.store.read(lambda s: dead_letters.newest(s, 10))
    assert {(each.reason, each.routing_key) for each in letters} == {
        ("refused", "response.a"),
        ("refused", "response.b"),
    }
    assert not any(each.replayable for each in letters)
    told = office.store.read(lambda s: alerts.newest(s, 10))
    assert {(each.kind, each.subject) for each in told} == {
        ("dead_letters", "a"),
        ("dead_letters", "b"),
    }


def test_who_refuses_for_a_minute_is_told_of_and_taken_up_again(office: Office) -> None:
    office.say("one", "response.full")
    waited = 0.0
    while not office.store.read(lambda s: alerts.newest(s, 10)):
        office.tick().refused()
        office.notifier.settle()
        office.clock.advance(timedelta(seconds=1))
        waited += 1
        assert waited < 3 * LONGEST_S
    assert waited > LONGEST_S
    (alert,) = office.store.read(lambda s: alerts.newest(s, 10))
    assert (alert.kind, alert.subject) == ("queue_overflow", "full")
    assert FULL in alert.message
    office.clock.advance(timedelta(seconds=LONGEST_S))
    assert office.tick().taken() == ["response.full"]
    office.notifier.settle()
    assert office.left() == 0


def test_urgent_letters_come_first_and_are_bounded_too(office: Office) -> None:
    for number in range(MOST_UNCONFIRMED + 200):
        office.say(f"stop:1:{number}", f"command.agent_{number}", urgent=True)
    office.say("later", "response.a")
    first = office.tick().taken()
    assert len(first) == MOST_UNCONFIRMED
    assert "response.a" not in first
    second = office.tick().taken()
    assert len(second) == 201
    assert second[-1] == "response.a"


def test_what_cannot_be_written_keeps_only_its_lane_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_session: Session, run_id: str) -> Any:
        raise ValueError(run_id)

    monkeypatch.setattr(workflow, "told", broken)
    sql = (
        "INSERT INTO outbox (topic, run_id, kind, routing_key, created_at, lane)"
        " VALUES ('progress:r', 'r', 'notice', 'bad', 0, 'bad')"
    )
    office.store.write(lambda s: s.run(sql))
    office.say("good", "response.good")
    assert office.tick().taken() == ["response.good"]
    assert "nothing can be said about run r" in caplog.text
    office.tick()
    assert caplog.text.count("nothing can be said about run r") == 1, "it is left alone for a while"
    office.clock.advance(timedelta(seconds=2))
    office.tick()
    assert caplog.text.count("nothing can be said about run r") == 2


def test_files_of_an_encrypted_connection_are_read_at_each_connection(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    address = Address("amqps://localhost/", tls=Tls(ca=ca))
    trusted = []
    for _ in range(2):
        trustme.CA().cert_pem.write_to_path(ca)
        context = address.parameters("a test").ssl_options.context
        trusted += [each["serialNumber"] for each in context.get_ca_certs()]
    assert len(set(trusted)) == 2
    ca.write_text("renewed, but not yet whole")
    with pytest.raises(ConfigurationError, match="no certificate in PEM form"):
        address.parameters("a test")


@pytest.mark.rabbitmq
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_whose_bus_thread_has_died_asks_to_end(
    vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, vhost, tmp_path)
    signals = []
    monkeypatch.setattr("orchestration.runtime.keeper.os.kill", lambda *all_: signals.append(all_))
    monkeypatch.setattr(Notifier, "_serve", lambda _: sys.exit())
    found = settings.load()
    broker = make_broker(address_in(found), [], found.rabbitmq_queue_type)
    with hosted(Setup(app, found, broker)) as host:
        eventually(lambda: host.running.end_reason == "a thread of its bus has died", within=20)
        assert (os.getpid(), signal.SIGTERM) in signals
