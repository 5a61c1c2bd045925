"""A process sees at once what another one wrote."""

import logging
from pathlib import Path

import pytest
from typing_extensions import override

from orchestration.engine import Engine
from orchestration.engine.transaction import Rules
from orchestration.errors import StoreError
from orchestration.ports import Store
from orchestration.runtime.watch import Changes, Watch
from orchestration.runtime.writing import NoRelay
from orchestration.store import control
from orchestration.store.sqlite import MemoryStore, SqliteStore
from tests.eventually import eventually


class Refills(Engine):
    """Counts how often it was asked to refill."""

    def __init__(self, store: Store) -> None:
        rules = Rules(me="me", jitter=lambda: 0.5)
        super().__init__(store, NoRelay(), rules)
        self.count = 0
        self.ready = True

    @override
    def refill(self) -> None:
        self.count += 1


def write(store: Store) -> None:
    store.write(lambda s: control.ensure(s, "id"))
    store.write(lambda s: control.set_transport(s, "x"))


def test_only_a_changed_store_is_looked_at(tmp_path: Path) -> None:
    ours, theirs = (SqliteStore(tmp_path / "db") for _ in range(2))
    changes = Changes(ours)
    assert changes.seen()
    assert not changes.seen()
    write(theirs)
    assert changes.seen()
    ours.close()
    theirs.close()


def test_a_store_that_does_not_know_has_always_changed(memory: MemoryStore) -> None:
    changes = Changes(memory)
    assert changes.seen()
    assert changes.seen()


def test_an_engine_refills_when_something_could_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "db")
    engine = Refills(store)
    monkeypatch.setattr(Watch, "_could_go", lambda _self, _session: engine.ready)
    with Watch(engine):
        eventually(lambda: engine.count == 1, within=5)
        engine.ready = False
        write(store)
        engine.ready = True
        write(store)
        eventually(lambda: engine.count > 1, within=5)
    store.close()


def test_nothing_to_do_is_no_work(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db")
    engine = Refills(store)
    Watch(engine).look(Changes(store))
    assert engine.count == 0
    store.close()


def test_a_store_that_is_away_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "db")
    asked: list[int] = []

    def away(_self: Watch, _changes: Changes) -> None:
        asked.append(1)
        raise StoreError("no disk")

    monkeypatch.setattr(Watch, "look", away)
    with caplog.at_level(logging.WARNING), Watch(Refills(store)):
        eventually(lambda: len(asked) > 1, within=5)
    assert "watch: the store is away, trying again: no disk" in caplog.text
    store.close()
