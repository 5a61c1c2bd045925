"""What is away for a while is asked again, for half a minute in a row."""

import pytest

from orchestration.errors import OrchestrationError, StoreError
from orchestration.patience import LONGEST_S, RETRY_S, Patience
from tests.clock import FakeClock

AWAY = StoreError("away")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def told() -> list[OrchestrationError]:
    """What a person was told."""
    return []


@pytest.fixture
def patience(clock: FakeClock, told: list[OrchestrationError]) -> Patience:
    return Patience(tell=told.append, monotonic=clock.monotonic, sleep=clock.sleep)


def waits(patience: Patience, clock: FakeClock, after_s: float = 0.0) -> float:
    """How long one more lapse is borne."""
    began = clock.monotonic()
    patience.bear(AWAY, after_s)
    return clock.monotonic() - began


def test_who_is_away_says_when_to_come_again_but_not_for_ever(
    patience: Patience, clock: FakeClock
) -> None:
    assert waits(patience, clock) == RETRY_S
    assert waits(patience, clock, 5.0) == 5.0
    assert waits(patience, clock, 3600.0) == LONGEST_S - RETRY_S - 5.0
    with pytest.raises(StoreError, match="away"):
        patience.bear(AWAY)


def test_an_answer_renews_it(patience: Patience, clock: FakeClock) -> None:
    for _ in range(3):
        assert waits(patience, clock, LONGEST_S) == LONGEST_S
        patience.renew()


def test_whoever_takes_long_not_to_answer_is_not_asked_for_longer(
    patience: Patience, clock: FakeClock
) -> None:
    patience.bear(AWAY)
    clock.sleep(LONGEST_S)
    with pytest.raises(StoreError, match="away"):
        patience.bear(AWAY)


def test_a_person_is_told_once_in_a_row(patience: Patience, told: list[OrchestrationError]) -> None:
    for _ in range(2):
        patience.bear(AWAY)
    assert told == [AWAY]
    patience.renew()
    patience.bear(AWAY)
    assert told == [AWAY, AWAY]


def test_nobody_is_told_where_no_time_is_left(
    clock: FakeClock, told: list[OrchestrationError]
) -> None:
    late = Patience(clock.monotonic(), told.append, clock.monotonic, clock.sleep)
    with pytest.raises(StoreError, match="away"):
        late.bear(AWAY)
    assert not told


def test_a_rest_is_no_lapse(
    patience: Patience, clock: FakeClock, told: list[OrchestrationError]
) -> None:
    began = clock.monotonic()
    patience.rest()
    assert clock.monotonic() - began == RETRY_S
    assert not told
