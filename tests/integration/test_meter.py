"""How long messages take, as the ingress measures it."""

from datetime import timedelta

from orchestration import metrics
from orchestration.runtime.meter import Meter
from tests.clock import FakeClock

SECOND = timedelta(seconds=1)


def test_each_message_is_measured_until_it_is_acknowledged(clock: FakeClock) -> None:
    meter = Meter(clock.monotonic)
    meter.arrived("inbox")
    clock.advance(SECOND)
    meter.arrived("inbox")
    meter.arrived("control")
    clock.advance(SECOND)
    meter.settled(2)
    tally = meter.take()
    assert tally is not None
    name = metrics.MESSAGE_PROCESSING.name
    assert tally.cells == {
        (name, ("inbox",), "2.5"): 1,
        (name, ("inbox",), "1"): 1,
        (name, ("inbox",), "sum"): 3,
    }


def test_what_was_measured_is_given_once(clock: FakeClock) -> None:
    meter = Meter(clock.monotonic)
    assert meter.take() is None
    meter.arrived("inbox")
    meter.settled(1)
    assert meter.take() is not None
    assert meter.take() is None


def test_what_nobody_else_writes_is_worth_a_transaction_after_a_while(clock: FakeClock) -> None:
    meter = Meter(clock.monotonic)
    meter.arrived("inbox")
    meter.settled(1)
    clock.advance(2 * SECOND)
    assert meter.take_late() is None
    clock.advance(SECOND)
    assert meter.take_late() is not None
    assert meter.take_late() is None


def test_what_comes_again_is_measured_anew(clock: FakeClock) -> None:
    meter = Meter(clock.monotonic)
    meter.arrived("inbox")
    meter.forget()
    meter.settled(1)
    assert meter.take() is None
