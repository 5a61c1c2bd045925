"""Who tells of alerts, until when, and what does not end it: a bug, or a store that is away."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from orchestration.engine.by import By
from orchestration.errors import StoreError
from orchestration.runtime.alerter import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MOST_TRIES,
    Alerter,
    Nowhere,
    Problems,
)
from orchestration.store.alerts import AlertRow
from tests.clock import FakeClock
from tests.eventually import eventually
from tests.integration.alarms import PERIOD, alerter, kept, sound, tries
from tests.integration.workshop import Anvil, MoodyStore, Workshop


def test_without_addresses_alerts_go_to_the_log_once(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    telling = alerter(workshop)
    sound(workshop, "gone to lunch")
    sound(workshop, "gone to lunch")
    telling.tick()
    telling.tick()
    assert caplog.text.count("alert agent_silent: gone to lunch (2 times)") == 1
    assert kept(workshop).due_at is None


class Moody:
    """An address that is away until its time has come."""

    names = frozenset({"moody"})

    def __init__(self) -> None:
        self.is_away = True
        self.told = list[str]()

    def tell(self, found: Sequence[AlertRow]) -> Problems:
        if self.is_away:
            return {alert.id: {"moody": "it is away"} for alert in found}
        self.told += [alert.message for alert in found]
        return {alert.id: {} for alert in found}


def test_a_stop_that_reached_nobody_before_its_release_is_told_as_over(workshop: Workshop) -> None:
    targets = Moody()
    telling = Alerter(workshop.engine, workshop.locks, targets, lambda: None, PERIOD)
    workshop.engine.stop_everything(By("ann", "smoke"))
    telling.tick()
    assert tries(workshop) == {"fleet": 1}
    workshop.engine.release(By("bob"))
    targets.is_away = False
    workshop.clock.advance(FIRST_PAUSE)
    telling.tick()
    assert targets.told == ["emergency stop by ann: smoke: released by bob, work goes on"]


class Busy:
    """Two addresses: one refuses whatever it is told, the other one's turn comes late."""

    names = frozenset({"refuses", "late"})

    def __init__(self) -> None:
        self.has_turn = False

    def tell(self, found: Sequence[AlertRow]) -> Problems:
        turn = {"late": "it is away"} if self.has_turn else {}
        return {alert.id: {"refuses": "it does not like it", **turn} for alert in found}


def test_nothing_is_given_up_before_each_address_was_asked(workshop: Workshop) -> None:
    targets = Busy()
    telling = Alerter(workshop.engine, workshop.locks, targets, lambda: None, PERIOD)
    sound(workshop)
    for _ in range(2 * MOST_TRIES):
        telling.tick()
        workshop.clock.advance(LONGEST_PAUSE)
    assert kept(workshop).due_at is not None
    targets.has_turn = True
    telling.tick()
    assert kept(workshop).due_at is None


def running(workshop: Workshop, looks: Sequence[Any] = ()) -> Alerter:
    looked = iter(looks)
    return Alerter(workshop.engine, workshop.locks, Nowhere(), lambda: next(looked), PERIOD)


def test_one_of_several_tells_and_the_next_one_takes_over(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = running(workshop), running(workshop.beside())
    first.start()
    eventually(lambda: not workshop.locks.is_free("alerter"), within=20)
    second.start()
    sound(workshop)
    eventually(lambda: kept(workshop).due_at is None, within=20)
    first.stop()
    sound(workshop, "again", "baker")
    eventually(lambda: "again" in caplog.text, within=20)
    second.stop()
    assert workshop.locks.is_free("alerter")
    assert caplog.text.count("alert agent_silent") == 2


def test_what_came_up_last_is_told_before_the_end(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    telling = running(workshop)
    telling.start()
    sound(workshop, "just in time")
    telling.stop()
    assert "just in time" in caplog.text


def test_it_looks_once_a_period(workshop: Workshop) -> None:
    looks: list[float] = []
    telling = Alerter(
        workshop.engine, workshop.locks, Nowhere(), lambda: looks.append(time.monotonic()), PERIOD
    )
    telling.tick()
    assert looks == []
    workshop.clock.advance(PERIOD)
    telling.tick()
    telling.tick()
    assert len(looks) == 1


def test_neither_a_bug_nor_a_store_that_is_away_ends_it(
    anvil: Anvil, clock: FakeClock, moody: MoodyStore, caplog: pytest.LogCaptureFixture
) -> None:
    workshop = Workshop(anvil.app, clock, moody)
    telling = running(workshop)
    clock.advance(PERIOD)
    telling.start()
    eventually(lambda: "a bug" in caplog.text, within=20)
    sound(workshop)
    moody.error = StoreError("it is out")
    eventually(lambda: "the store is away" in caplog.text, within=20)
    moody.error = None
    eventually(lambda: kept(workshop).due_at is None, within=20)
    telling.stop()
