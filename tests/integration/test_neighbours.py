"""A file serves one machine: who comes from another one refuses."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration import settings
from orchestration.errors import StoreInUseError
from orchestration.runtime.broker import make_broker
from orchestration.runtime.running import Running, Setup
from orchestration.store import workers
from orchestration.store.connect import Opened, open_store
from orchestration.store.workers import NewWorker
from tests.integration.workshop import Anvil

NOW = datetime(2025, 9, 12, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    found = open_store(f"sqlite:///{tmp_path / 'orchestration.db'}")
    yield found
    found.store.close()


def join(opened: Opened, host: str) -> str:
    worker = NewWorker(
        id=f"worker-of-{host}",
        host=host,
        pid=7,
        release="1",
        offers=[],
        transport="embedded",
        slots={},
    )
    opened.store.write(lambda s: workers.join(s, worker, NOW))
    return worker.id


@contextmanager
def beating(opened: Opened, worker: str) -> Iterator[None]:
    """A worker that beats, wherever it is, until the block ends."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.1):
            opened.store.write(lambda s: workers.beat(s, worker, NOW))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def start(anvil: Anvil, home: Path) -> None:
    """Start a worker here, and stop it."""
    broker = make_broker(None, [])
    found = settings.load({"ORCHESTRATION_HOME": str(home)})
    try:
        Running(Setup(anvil.app, found, broker), {}, lambda: None).stop()
    finally:
        broker.close()


def test_a_worker_refuses_a_file_that_another_machine_works_on(
    opened: Opened, anvil: Anvil, tmp_path: Path
) -> None:
    there = join(opened, "elsewhere")
    here = os.uname().nodename
    said = f"elsewhere:7 works on this store from another machine than {here}"
    with beating(opened, there), pytest.raises(StoreInUseError, match=said):
        start(anvil, tmp_path)
    assert [row.id for row in opened.store.read(workers.present)] == [there], "nobody joined"


def test_a_worker_of_another_host_that_does_not_beat_is_dead(
    opened: Opened, anvil: Anvil, tmp_path: Path
) -> None:
    join(opened, "elsewhere")
    start(anvil, tmp_path)
    assert opened.store.read(workers.present) == []


def test_containers_of_one_machine_see_each_others_locks_and_share_its_file(
    opened: Opened, anvil: Anvil, tmp_path: Path
) -> None:
    there = join(opened, "container")
    opened.locks.hold(there)
    with beating(opened, there):
        start(anvil, tmp_path)
    assert [row.id for row in opened.store.read(workers.present)] == [there]
    opened.locks.release(there)


@pytest.mark.postgres
def test_a_server_serves_all_machines(anvil: Anvil, empty_schema: str, tmp_path: Path) -> None:
    opened = open_store(empty_schema)
    there = join(opened, "elsewhere")
    broker = make_broker(None, [])
    known = {"ORCHESTRATION_HOME": str(tmp_path), "DATABASE_URL": empty_schema}
    with beating(opened, there):
        setup = Setup(anvil.app, settings.load(known), broker)
        Running(setup, {}, lambda: None).stop()
        assert [row.id for row in opened.store.read(workers.present)] == [there]
    broker.close()
    opened.store.close()
