"""How often vendors are asked: their limits, our budget, and a circuit that all processes share."""

from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from actors.market.enquiry import ask
from actors.market.errors import CircuitOpenError
from actors.market.market import Market
from orchestration.context import Shared
from tests.actors.markets import DOWN, WEEK, make_market
from tests.actors.stub_vendors import Reply, StubVendors
from tests.clock import FakeClock
from trading.errors import VendorDownError, VendorError, VendorLimitError


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("7", 7), ("0", 0), ("soon", 60), ("", 60), ("9" * 40, 60), ("date", 90), ("naive", 90)],
)
def test_too_many_requests_cool_down_as_long_as_the_vendor_wishes(
    market: Market, stub: StubVendors, clock: FakeClock, given: str, seconds: int
) -> None:
    moment = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True)
    written = {"date": moment, "naive": moment.replace("GMT", "-0000")}.get(given, given)
    stub.replies.append(Reply(429, {"status": "ERROR"}, headers={"Retry-After": written}))
    with pytest.raises(VendorLimitError, match=f"ask again in {seconds} s"):
        ask(market, "polygon", WEEK)
    if seconds:
        with pytest.raises(VendorLimitError, match="asked to be left alone"):
            ask(market, "polygon", WEEK)
    assert len(stub.requests) == 1
    clock.advance(timedelta(seconds=seconds))
    assert len(ask(market, "polygon", WEEK)) == 5


def test_a_limit_that_looks_like_success_cools_down_too(
    market: Market, stub: StubVendors, clock: FakeClock
) -> None:
    stub.replies.append(Reply(200, {"Information": "standard rate limit is 25 requests per day"}))
    with pytest.raises(VendorLimitError, match="used up"):
        ask(market, "alpha_vantage", WEEK)
    clock.advance(timedelta(minutes=59))
    with pytest.raises(VendorLimitError, match="left alone"):
        ask(market, "alpha_vantage", WEEK)
    assert len(stub.requests) == 1


def test_a_token_that_is_back_soon_is_waited_for(market: Market, clock: FakeClock) -> None:
    began = clock.now()
    for _ in range(6):
        ask(market, "polygon", WEEK)
    assert clock.now() - began == timedelta(minutes=1)


def test_a_token_of_the_day_is_not_waited_for(
    stub: StubVendors, clock: FakeClock, tmp_path: Path, shared: Shared
) -> None:
    market = make_market(stub, clock, tmp_path, shared, ALPHA_VANTAGE_RATE="1/day")
    ask(market, "alpha_vantage", WEEK)
    with pytest.raises(VendorLimitError, match="our requests to it are used up; ask again in 86"):
        ask(market, "alpha_vantage", WEEK)
    assert len(stub.requests) == 1


def test_a_vendor_that_keeps_failing_is_left_alone_and_then_tried_once(
    stub: StubVendors, clock: FakeClock, tmp_path: Path, shared: Shared
) -> None:
    one, other = (
        make_market(stub, clock, tmp_path, shared, YAHOO_RATE="500/second") for _ in range(2)
    )
    stub.always["yahoo"] = DOWN
    with pytest.raises(VendorDownError):
        ask(one, "yahoo", WEEK)
    with pytest.raises(CircuitOpenError, match="left alone for 60 s") as error:
        ask(other, "yahoo", WEEK)
    assert error.value.retry_after == timedelta(minutes=1)
    assert len(stub.requests) == 5
    assert other.state()[1]["circuit"] == "open"
    clock.advance(timedelta(minutes=1))
    assert other.state()[1]["circuit"] == "half_open"
    with pytest.raises(CircuitOpenError):
        ask(other, "yahoo", WEEK)
    assert len(stub.requests) == 6
    clock.advance(timedelta(minutes=1))
    stub.always.clear()
    assert len(ask(one, "yahoo", WEEK)) == 5
    assert one.state()[1]["circuit"] == "closed"


def test_a_page_for_people_counts_as_a_failure_and_a_refusal_does_not(
    market: Market, stub: StubVendors
) -> None:
    for reply, failures in [
        (Reply(200, b"<html>"), 1),
        (Reply(200, b"<html>"), 2),
        (Reply(404, {"chart": {"result": None}}), 0),
    ]:
        stub.always["yahoo"] = reply
        with pytest.raises(VendorError):
            ask(market, "yahoo", WEEK)
        assert market.state()[1]["failures"] == failures


def test_the_state_of_every_vendor_is_json(
    market: Market, stub: StubVendors, clock: FakeClock
) -> None:
    ask(market, "alpha_vantage", WEEK)
    stub.replies.append(Reply(429))
    with pytest.raises(VendorLimitError):
        ask(market, "polygon", WEEK)
    polygon, yahoo, alpha_vantage = market.state()
    assert polygon == {
        "source": "polygon",
        "configured": True,
        "circuit": "closed",
        "failures": 0,
        "open_until": None,
        "cooldown_until": (clock.now() + timedelta(minutes=1)).isoformat(),
        "hindrance": "cooling",
        "wait_seconds": 60.0,
        "budget": [{"limit": 5, "period_seconds": 60.0, "left": 4}],
    }
    assert (yahoo["hindrance"], yahoo["wait_seconds"]) == (None, 0.0)
    assert alpha_vantage["budget"] == [
        {"limit": 25, "period_seconds": 86400.0, "left": 24},
        {"limit": 1, "period_seconds": 1.0, "left": 0},
    ]
