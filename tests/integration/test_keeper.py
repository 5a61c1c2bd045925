"""The keeper of one worker, moment by moment: it beats, and it tells the worker when to end."""

import logging
import os
import signal
from datetime import timedelta
from typing import Any

import pytest

from orchestration.desk import workers as desk
from orchestration.engine.by import By
from orchestration.errors import StoreError
from orchestration.runtime import keeper as keepers
from orchestration.store import workers
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.eventually import eventually
from tests.integration.workshop import Anvil, MoodyStore, Workshop

SECOND = timedelta(seconds=1)


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What a keeper would send to its own process."""
    found: list[int] = []

    def note(pid: int, number: int) -> None:
        assert pid == os.getpid()
        found.append(number)

    monkeypatch.setattr("orchestration.runtime.keeper.os.kill", note)
    return found


def beats(workshop: Workshop) -> int:
    row = workshop.store.read(lambda s: workers.get(s, workshop.me))
    assert row is not None
    return row.beat


def test_it_beats_every_two_seconds(workshop: Workshop) -> None:
    workshop.tick(10 * SECOND)
    assert beats(workshop) == 5


def test_it_writes_progress_for_others_to_see(workshop: Workshop, anvil: Anvil) -> None:
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    workshop.tick(0.5 * SECOND)
    assert (workshop.branch(run).fraction, workshop.branch(run).message) == (0.5, "hammering")
    anvil.free.set()
    working.join()


def test_progress_that_could_not_be_written_is_written_once_the_store_is_back(
    anvil: Anvil, clock: FakeClock, moody: MoodyStore
) -> None:
    workshop = Workshop(anvil.app, clock, moody)
    run = workshop.start()
    working = workshop.work()
    anvil.wait()
    moody.error = StoreError("away")
    with pytest.raises(StoreError):
        workshop.keeper.tick()
    moody.error = None
    workshop.keeper.tick()
    assert (workshop.branch(run).fraction, workshop.branch(run).message) == (0.5, "hammering")
    anvil.free.set()
    working.join()


def test_a_worker_that_cannot_beat_tells_its_steps_and_takes_nothing(
    anvil: Anvil, clock: FakeClock, moody: MoodyStore
) -> None:
    workshop = Workshop(anvil.app, clock, moody)
    workshop.start({"pieces": [1, 2]})
    working = workshop.work()
    context = anvil.wait()
    workshop.tick(2 * SECOND)
    moody.error = StoreError("away")
    clock.advance(6 * SECOND)
    states = [context.cancelled]
    clock.advance(2 * SECOND)
    states.append(context.cancelled)
    assert states == [False, True]
    assert workshop.frame.work(workshop.shelf.sent[0], lambda: None)
    assert len(anvil.calls) == 1
    moody.error = None
    working.join(5)
    workshop.tick(2 * SECOND)
    assert not workshop.frame.cut_off


@pytest.mark.parametrize("slow", ["the commit of the beat", "what is read after it"])
def test_a_beat_counts_from_before_it_was_written(
    anvil: Anvil,
    clock: FakeClock,
    memory: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
    slow: str,
) -> None:
    def take_long() -> None:
        clock.advance(9 * SECOND)

    workshop = Workshop(anvil.app, clock, memory, watch=take_long)
    if slow == "the commit of the beat":
        workshop = Workshop(anvil.app, clock, memory)
        beat = workshop.engine.beat

        def late(*given: Any) -> bool:
            take_long()
            return beat(*given)

        monkeypatch.setattr(workshop.engine, "beat", late)
    clock.advance(2 * SECOND)
    workshop.keeper.tick()
    assert beats(workshop) == 1
    assert workshop.frame.cut_off


def test_a_worker_that_was_buried_ends(workshop: Workshop, signals: list[int]) -> None:
    now = workshop.clock.now()
    workshop.store.write(lambda s: workers.leave(s, workshop.me, now))
    workshop.tick(2 * SECOND)
    assert signals == [signal.SIGTERM]
    assert workshop.frame.draining


def test_a_worker_ends_for_the_reasons_of_its_process(
    anvil: Anvil, clock: FakeClock, memory: MemoryStore, signals: list[int]
) -> None:
    workshop = Workshop(anvil.app, clock, memory, watch=lambda: "its parent is gone")
    workshop.tick(2 * SECOND)
    assert signals == [signal.SIGTERM]


def test_a_worker_whose_keeper_was_to_end_ends_and_beats_until_then(
    anvil: Anvil,
    clock: FakeClock,
    moody: MoodyStore,
    signals: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keepers, "TICK_S", 0.001)
    told: list[BaseException] = [SystemExit(3)]

    def watch() -> str | None:
        if told:
            raise told.pop()
        return None

    workshop = Workshop(anvil.app, clock, moody, watch=watch)
    workshop.keeper.start()
    eventually(lambda: signals, within=5)
    before = beats(workshop)
    clock.advance(3 * SECOND)
    eventually(lambda: beats(workshop) > before, within=5)
    workshop.keeper.stop()
    assert (signals, workshop.keeper.reason) == ([signal.SIGTERM], "its keeper met SystemExit(3)")


def test_an_orphan_ends_though_the_store_is_away(
    anvil: Anvil,
    clock: FakeClock,
    moody: MoodyStore,
    signals: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keepers, "TICK_S", 0.001)
    workshop = Workshop(anvil.app, clock, moody, watch=lambda: "its parent is gone")
    moody.error = StoreError("away")
    workshop.keeper.start()
    eventually(lambda: signals, within=5)
    workshop.keeper.stop()
    assert (signals, workshop.keeper.reason) == ([signal.SIGTERM], "its parent is gone")


def test_a_worker_that_was_drained_ends_in_good_order(
    workshop: Workshop, signals: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk.drain(workshop.engine, workshop.me, By("ann"))
    workshop.tick(2 * SECOND)
    assert signals == [signal.SIGTERM]
    (said,) = [each for each in caplog.records if "it was drained" in each.message]
    assert said.levelno == logging.INFO


def test_a_worker_leaves_a_store_that_a_newer_release_migrated(
    workshop: Workshop, signals: list[int]
) -> None:
    workshop.store.write(
        lambda s: s.run("INSERT INTO schema_versions (version, name) VALUES (9999, '!future')")
    )
    workshop.tick(2 * SECOND)
    assert signals == [signal.SIGTERM]


def test_a_worker_that_ends_beats_on_while_its_steps_finish(
    anvil: Anvil, clock: FakeClock, memory: MemoryStore, signals: list[int]
) -> None:
    workshop = Workshop(anvil.app, clock, memory, watch=lambda: "a reason")
    workshop.tick(2 * SECOND)
    workshop.tick(2 * SECOND)
    assert signals == [signal.SIGTERM]
    assert workshop.keeper.reason == "a reason"
    (row,) = workshop.store.read(workers.present)
    assert row.beat == 2


def test_a_worker_whose_main_thread_hangs_ends_all_the_same(
    anvil: Anvil,
    clock: FakeClock,
    memory: MemoryStore,
    signals: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    workshop = Workshop(anvil.app, clock, memory, watch=lambda: "its parent is gone")
    workshop.tick(2 * SECOND)
    (row,) = workshop.store.read(workers.present)
    assert row.draining
    workshop.tick(18 * SECOND)
    assert codes == []
    workshop.tick(4 * SECOND)
    assert codes == [1]
    assert signals == [signal.SIGTERM]
