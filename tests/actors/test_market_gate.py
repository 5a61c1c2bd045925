"""When a vendor may be asked: budget, cooldown and circuit, as values."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.market.gate import Circuit, Gate, Hindrance, Obstacle, Rules
from orchestration.rate import Rate, parse_rates

NOON = datetime(2025, 9, 12, 12, 0, tzinfo=UTC)
FIVE = Rules(parse_rates("5/minute"), failures=3)
SECOND = timedelta(seconds=1)


def admitted(gate: Gate, now: datetime, ticket: str = "mine", rules: Rules = FIVE) -> Gate:
    passed = gate.admit(now, rules, ticket)
    assert passed.ticket == ticket
    return Gate.of(passed.as_json())


def opened(now: datetime = NOON) -> Gate:
    return Gate().fail(now, FIVE, "down").fail(now, FIVE, "down").fail(now, FIVE, "down")


def test_a_rate_is_a_count_and_a_unit() -> None:
    assert parse_rates("25/day,1/second") == (
        Rate(25, timedelta(days=1)),
        Rate(1, timedelta(seconds=1)),
    )


def test_five_a_minute_pass_and_the_sixth_waits_for_the_first_ones_minute() -> None:
    gate = Gate()
    for at in range(5):
        gate = admitted(gate, NOON + at * SECOND, str(at))
    now = NOON + 10 * SECOND
    assert gate.obstacle(now, FIVE) == Obstacle(Hindrance.SPENT, 50 * SECOND)
    assert gate.admit(now, FIVE, "sixth") == gate
    assert FIVE.rates[0].left(gate.taken, now) == 0
    assert FIVE.rates[0].left(gate.taken, NOON + 61 * SECOND) == 2
    assert len(admitted(gate, NOON + 60 * SECOND, "sixth").taken) == 5


@given(st.lists(st.floats(0, 300), min_size=1, max_size=60))
def test_no_minute_ever_holds_more_than_five(moments: list[float]) -> None:
    gate, passed = Gate(), []
    for at, moment in enumerate(sorted(moments)):
        now = NOON + timedelta(seconds=moment)
        gate = gate.admit(now, FIVE, str(at))
        if gate.ticket == str(at):
            passed.append(now)
    assert all(
        later - first >= timedelta(minutes=1)
        for first, later in zip(passed, passed[5:], strict=False)
    )


def test_two_rates_are_both_kept() -> None:
    rules = Rules(parse_rates("3/day,1/second"))
    gate = admitted(Gate(), NOON, "1", rules)
    assert gate.obstacle(NOON, rules) == Obstacle(Hindrance.SPENT, SECOND)
    for at in (1, 2):
        gate = admitted(gate, NOON + at * SECOND, f"more {at}", rules)
    wait = timedelta(days=1) - 2 * SECOND
    assert gate.obstacle(NOON + 2 * SECOND, rules) == Obstacle(Hindrance.SPENT, wait)


def test_a_token_from_the_near_future_counts_and_one_from_the_far_future_does_not() -> None:
    rate = Rate(1, timedelta(minutes=1))
    assert rate.wait([NOON + 10 * SECOND], NOON) == 70 * SECOND
    assert rate.wait([NOON + timedelta(hours=1)], NOON) == timedelta(0)


def test_failures_in_a_row_open_the_circuit_and_a_success_between_them_does_not() -> None:
    gate = Gate().fail(NOON, FIVE, "down").fail(NOON, FIVE, "down")
    assert gate.circuit(NOON, FIVE) is Circuit.CLOSED
    assert gate.ailing
    assert gate.succeed() == Gate()
    assert gate.succeed().fail(NOON, FIVE, "down").circuit(NOON, FIVE) is Circuit.CLOSED
    assert opened().circuit(NOON, FIVE) is Circuit.OPEN
    assert opened().obstacle(NOON, FIVE) == Obstacle(Hindrance.OPEN, FIVE.pause)


def test_after_the_pause_one_request_tries_and_the_others_wait_for_it() -> None:
    later = NOON + FIVE.pause
    assert opened().circuit(later, FIVE) is Circuit.HALF_OPEN
    trying = admitted(opened(), later)
    assert trying.obstacle(later, FIVE) == Obstacle(Hindrance.OPEN, FIVE.probe)
    assert trying.admit(later, FIVE, "other").ticket == "mine"
    assert trying.succeed().circuit(later, FIVE) is Circuit.CLOSED
    assert trying.succeed().obstacle(later, FIVE) is None
    again = trying.fail(later, FIVE, "down")
    assert again.circuit(later, FIVE) is Circuit.OPEN
    assert again.obstacle(later, FIVE) == Obstacle(Hindrance.OPEN, FIVE.pause)


def test_a_try_of_a_process_that_died_is_over_in_time() -> None:
    later = NOON + FIVE.pause
    trying = admitted(opened(), later)
    assert admitted(trying, later + FIVE.probe, "next").ticket == "next"


def test_a_cooldown_holds_everything_and_shows_that_the_vendor_is_alive() -> None:
    cooling = opened().cool(NOON, 7 * SECOND)
    assert cooling.circuit(NOON, FIVE) is Circuit.CLOSED
    assert cooling.obstacle(NOON, FIVE) == Obstacle(Hindrance.COOLING, 7 * SECOND)
    assert cooling.obstacle(NOON + 7 * SECOND, FIVE) is None


def test_no_cooldown_is_longer_than_a_day() -> None:
    cooling = Gate().cool(NOON, timedelta(days=400))
    assert cooling.cooldown_until == NOON + timedelta(days=1)


@pytest.mark.parametrize("gate", [opened(), Gate().cool(NOON, timedelta(hours=1))])
def test_what_lies_far_ahead_comes_from_a_clock_that_was_set_back(gate: Gate) -> None:
    assert gate.obstacle(NOON - timedelta(days=30), FIVE) is None
    assert gate.obstacle(NOON - 2 * SECOND, FIVE) is not None


def test_a_gate_survives_the_store() -> None:
    gate = admitted(opened(), NOON + FIVE.pause).cool(NOON, SECOND)
    assert Gate.of(gate.as_json()) == gate
    assert Gate.of(None) == Gate()
