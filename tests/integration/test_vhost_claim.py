"""One vhost, one store: whoever would consume for another one is refused, and both are named."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

import scheduler
from orchestration import logs
from orchestration.bus.address import Address
from orchestration.bus.topology import STORE_QUEUE
from orchestration.bus.vhost_claim import VhostClaim, arguments
from orchestration.errors import OtherStoreError
from orchestration.runtime import ticker
from orchestration.runtime.reach import require_claim, require_own_store
from orchestration.store import control
from orchestration.store.connect import open_store, place_of
from tests.rabbitmq import control as rabbitmqctl

OURS, THEIRS = "11111111 here:/ours.db", "22222222 there:/theirs.db"

Connect = Callable[[], pika.BlockingConnection]


@pytest.fixture
def connect(vhost: str) -> Iterator[Connect]:
    opened: list[pika.BlockingConnection] = []

    def connecting() -> pika.BlockingConnection:
        opened.append(pika.BlockingConnection(pika.URLParameters(vhost)))
        return opened[-1]

    yield connecting
    for connection in opened:
        if connection.is_open:
            connection.close()


@pytest.mark.rabbitmq
def test_another_store_is_refused_and_both_are_named(connect: Connect) -> None:
    VhostClaim(THEIRS, "amqp://x/y").make(connect())
    mine = VhostClaim(OURS, "amqp://x/y")
    assert mine.refusal is None
    with pytest.raises(OtherStoreError) as caught:
        mine.make(connect())
    assert (caught.value.ours, caught.value.theirs) == (OURS, THEIRS)
    assert OURS in str(mine.refusal)
    assert THEIRS in str(mine.refusal)


@pytest.mark.rabbitmq
def test_any_number_of_connections_claim_for_one_store(connect: Connect) -> None:
    claim = VhostClaim(OURS, "amqp://x/y")
    for _ in range(3):
        claim.make(connect())
    assert claim.refusal is None


@pytest.mark.rabbitmq
def test_a_claim_ends_with_the_connection_that_made_it(connect: Connect) -> None:
    theirs = connect()
    VhostClaim(THEIRS, "amqp://x/y").make(theirs)
    theirs.close()
    VhostClaim(OURS, "amqp://x/y").make(connect())


@pytest.mark.rabbitmq
def test_a_claim_that_nobody_holds_any_more_stops_nobody(connect: Connect) -> None:
    left = arguments(THEIRS)
    connect().channel().queue_declare(STORE_QUEUE, durable=True, auto_delete=True, arguments=left)
    VhostClaim(OURS, "amqp://x/y").make(connect())


@pytest.mark.rabbitmq
def test_who_may_not_declare_the_claim_works_on_without_it(
    vhost: str, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    name = vhost.rpartition("/")[2]
    rabbitmqctl("set_permissions", "-p", name, "guest", "^orchestration_queue$", ".*", ".*")
    VhostClaim(OURS, "amqp://x/y").make(connect())
    assert "ACCESS_REFUSED" in caplog.text


@pytest.mark.rabbitmq
@pytest.mark.parametrize("they", ["live", "are away"])
def test_who_only_writes_a_command_needs_no_permission_for_it_and_is_not_warned(
    vhost: str, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture, they: str
) -> None:
    if they == "live":
        VhostClaim(THEIRS, "amqp://x/y").make(connect())
    rabbitmqctl("set_permissions", "-p", vhost.rpartition("/")[2], "guest", "^$", ".*", ".*")
    require_own_store(Address(vhost), f"sqlite:///{tmp_path}/ours.db")
    assert [each for each in caplog.records if not each.name.startswith("pika")] == []


@pytest.mark.rabbitmq
def test_two_long_names_are_both_told(vhost: str, connect: Connect) -> None:
    ours, theirs = (f"{n * 8} ...{n * control.LONGEST_PLACE}" for n in "12")
    VhostClaim(theirs, "amqp://x/y").make(connect())
    with pytest.raises(OtherStoreError) as caught:
        require_claim(Address(vhost), VhostClaim(ours, "amqp://x/y"))
    assert caught.value.theirs == theirs


def test_every_process_gives_a_store_the_same_name(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 12)
    directory.mkdir()
    link = tmp_path / "link"
    link.symlink_to(directory)
    names = []
    for url in (f"sqlite:///{directory}/store.db", f"sqlite:///{link}/store.db"):
        opened = open_store(url)
        names.append(opened.store.read(control.name))
        assert names[-1].startswith(f"{opened.id[:8]} ...")
        opened.store.close()
    assert names[0] == names[1]
    assert names[0].endswith("long/store.db")


def test_the_place_of_a_store_has_no_password_in_it() -> None:
    assert place_of("postgresql://me:hunter2@db:5433/fleet") == "db:5433/fleet"
    assert place_of("postgresql:///fleet") == "localhost/fleet"


@pytest.mark.rabbitmq
def test_a_scheduler_of_another_store_is_refused(
    connect: Connect,
    vhost: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    VhostClaim(THEIRS, "amqp://x/y").make(connect())
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path / "other"))
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setattr(ticker, "run", lambda *_: None)
    assert scheduler.main() == 3
    said = capsys.readouterr().err
    assert THEIRS in said
    assert "other" in said
