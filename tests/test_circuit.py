"""A circuit opens after failures in a row, lets one probe through, and closes with a success."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestration.circuit import (
    CLOSED,
    LONGEST_PAUSE,
    Circuit,
    CircuitState,
    Tolerance,
    failed,
    rested,
    succeeded,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BEFORE, AFTER = NOW - SECOND, NOW + SECOND
SHUT, OPEN, HALF = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
PAUSE = 30 * SECOND
TOLERANCE = Tolerance(failures=3, pause=PAUSE)


def circuit(state: CircuitState, failures: int, pause: timedelta = PAUSE) -> Circuit:
    return Circuit(state, failures, pause, NOW)


@pytest.mark.parametrize(
    ("before", "began", "after"),
    [
        (CLOSED, NOW, Circuit(SHUT, 1)),
        (Circuit(SHUT, 1), NOW, Circuit(SHUT, 2)),
        (Circuit(SHUT, 2), NOW, Circuit(OPEN, 3, PAUSE, AFTER)),
        (Circuit(SHUT, 9), NOW, Circuit(OPEN, 10, PAUSE, AFTER)),
        (circuit(OPEN, 3), BEFORE, circuit(OPEN, 4)),
        (circuit(HALF, 3), BEFORE, circuit(HALF, 4)),
        (circuit(HALF, 3), NOW, Circuit(OPEN, 4, 2 * PAUSE, AFTER)),
        (circuit(HALF, 3), None, Circuit(OPEN, 4, 2 * PAUSE, AFTER)),
        (circuit(HALF, 9, LONGEST_PAUSE), NOW, Circuit(OPEN, 10, LONGEST_PAUSE, AFTER)),
    ],
)
def test_a_failure(before: Circuit, began: datetime | None, after: Circuit) -> None:
    assert failed(before, began, AFTER, TOLERANCE) == after


@pytest.mark.parametrize("before", [CLOSED, Circuit(SHUT, 2), circuit(OPEN, 3), circuit(HALF, 3)])
def test_a_success_closes_it_whatever_was_before(before: Circuit) -> None:
    assert succeeded(before) == CLOSED


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (CLOSED, NOW, CLOSED),
        (circuit(OPEN, 3), NOW + PAUSE - SECOND, circuit(OPEN, 3)),
        (circuit(OPEN, 3), NOW + PAUSE, Circuit(HALF, 3, PAUSE, NOW + PAUSE)),
        (circuit(HALF, 3), NOW + PAUSE, circuit(HALF, 3)),
    ],
)
def test_the_pause_is_over_when_it_is_over(before: Circuit, now: datetime, after: Circuit) -> None:
    assert rested(before, now) == after


def test_a_pause_that_was_asked_for_is_never_shortened() -> None:
    patient = Tolerance(failures=1, pause=2 * LONGEST_PAUSE)
    first = failed(CLOSED, NOW, NOW, patient)
    assert first.due == NOW + 2 * LONGEST_PAUSE
    probing = rested(first, NOW + 2 * LONGEST_PAUSE)
    assert failed(probing, None, NOW, patient).pause == 2 * LONGEST_PAUSE
