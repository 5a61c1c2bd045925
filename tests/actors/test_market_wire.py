"""How vendors are asked over HTTP: bounded, never redirected, and the key seen by nobody."""

import gzip
import logging
import socket
import traceback
from dataclasses import replace
from datetime import date, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from actors.market import wire
from actors.market.connection import try_connections
from actors.market.enquiry import ask
from actors.market.errors import CircuitOpenError
from actors.market.market import Market
from orchestration.context import Shared
from tests.actors.markets import KEYS, make_market
from tests.actors.stub_vendors import Reply, StubVendors
from tests.clock import FakeClock
from trading.errors import (
    NoVendorBarsError,
    ParameterError,
    TradingError,
    VendorAnswerError,
    VendorDownError,
    VendorError,
    VendorKeyError,
    VendorLimitError,
)
from trading.vendors.vendor import Asked

WEEK = Asked("IBM", date(2025, 9, 2), date(2025, 9, 8))
SESSIONS = ["2025-09-02", "2025-09-03", "2025-09-04", "2025-09-05", "2025-09-08"]
DOWN = Reply(500, {"status": "ERROR"})


def all_that_is_said(error: BaseException | None) -> str:
    """An error as any log or debugger could show it, with everything it came from."""
    said = ""
    while error is not None:
        request = getattr(error, "_request", None)
        said += "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(request)
        said += str(getattr(request, "url", ""))
        error = error.__cause__ or error.__context__
    return said


@pytest.mark.parametrize("name", ["polygon", "yahoo", "alpha_vantage"])
def test_every_vendor_serves_the_sessions_of_a_week(market: Market, name: str) -> None:
    bars = ask(market, name, WEEK)
    assert bars.dates.astype(str).tolist() == SESSIONS
    assert (bars.high > bars.low).all()


def test_the_key_goes_out_with_each_page_and_only_to_our_address(
    market: Market, stub: StubVendors
) -> None:
    stub.page_rows = 2
    assert len(ask(market, "polygon", WEEK)) == 5
    assert [query["apiKey"] for query in stub.asked("polygon")] == [KEYS["polygon"]] * 3
    assert [query.get("cursor") for query in stub.asked("polygon")] == [None, "2", "4"]


def test_pages_without_end_are_refused(market: Market, stub: StubVendors) -> None:
    body = {"status": "OK", "next_url": "https://elsewhere.example/v2/aggs/more?cursor=1"}
    stub.always["polygon"] = Reply(body=body)
    with pytest.raises(VendorAnswerError, match="more than 40 pages"):
        ask(market, "polygon", WEEK)
    assert len(stub.requests) == 40


@pytest.mark.parametrize("path", ["/v2/\1", "/v2/" + "x" * 70_000])
def test_a_next_page_that_nobody_can_ask_for_is_refused(
    market: Market, stub: StubVendors, path: str
) -> None:
    body = {"status": "OK", "next_url": f"https://elsewhere.example{path}"}
    stub.always["polygon"] = Reply(body=body)
    with pytest.raises(VendorAnswerError, match="an address that cannot be asked"):
        ask(market, "polygon", WEEK)
    assert len(stub.requests) == 1


@pytest.mark.parametrize("path", ["//elsewhere.example/v2/x", "/../../v2/x", "@elsewhere/x"])
def test_no_next_page_leads_away_from_our_address(
    market: Market, stub: StubVendors, path: str
) -> None:
    stub.replies.append(Reply(body={"status": "OK", "next_url": path}))
    stub.replies.append(Reply(403))
    with pytest.raises(VendorKeyError):
        ask(market, "polygon", WEEK)
    assert len(stub.requests) == 2


@pytest.mark.parametrize("name", ["polygon", "yahoo", "alpha_vantage"])
def test_a_symbol_that_is_not_there_is_told_as_such(market: Market, name: str) -> None:
    with pytest.raises(NoVendorBarsError, match="it has no bars of NOPE"):
        ask(market, name, replace(WEEK, symbol="NOPE"))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(403, {"status": "NOT_AUTHORIZED", "message": KEYS["polygon"]}), VendorKeyError),
        (Reply(401, {"status": "ERROR", "error": KEYS["polygon"]}), VendorKeyError),
        (Reply(429, {"status": "ERROR", "error": KEYS["polygon"]}), VendorLimitError),
        (Reply(200, b"<html>robot?</html>", "text/html"), VendorAnswerError),
        (Reply(302, b"", headers={"Location": "https://elsewhere.example/"}), VendorAnswerError),
        (Reply(200, b"no gzip", headers={"Content-Encoding": "gzip"}), VendorAnswerError),
    ],
)
def test_what_will_not_change_is_asked_once(
    market: Market, stub: StubVendors, reply: Reply, kind: type[VendorError]
) -> None:
    stub.always["polygon"] = reply
    with pytest.raises(kind) as error:
        ask(market, "polygon", WEEK)
    assert type(error.value) is kind
    assert len(stub.requests) == 1


@pytest.mark.parametrize("reply", [DOWN, Reply(503, b"<html>"), Reply(200, b"{", cut=True)])
def test_what_may_change_is_asked_again(market: Market, stub: StubVendors, reply: Reply) -> None:
    stub.replies.extend([reply, reply])
    assert len(ask(market, "polygon", WEEK)) == 5
    assert len(stub.requests) == 3


def test_a_failure_that_stays_is_asked_three_times(market: Market, stub: StubVendors) -> None:
    stub.always["polygon"] = DOWN
    with pytest.raises(VendorDownError, match=r"it failed by itself \(500\)"):
        ask(market, "polygon", WEEK)
    assert len(stub.requests) == 3


def test_silence_is_a_failure(
    stub: StubVendors, clock: FakeClock, tmp_path: Path, shared: Shared
) -> None:
    market = make_market(stub, clock, tmp_path, shared, MARKET_TIMEOUT="0.1")
    stub.replies.extend([Reply(hang=True)] * 3)
    with pytest.raises(VendorDownError, match="did not answer in time"):
        ask(market, "yahoo", WEEK)
    assert len(stub.requests) == 3


def test_a_closed_door_is_a_failure(
    stub: StubVendors, clock: FakeClock, tmp_path: Path, shared: Shared
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        market = make_market(stub, clock, tmp_path, shared, YAHOO_URL=nobody)
        with pytest.raises(VendorDownError, match="it cannot be reached"):
            ask(market, "yahoo", WEEK)


def test_an_answer_that_trickles_is_given_up(
    stub: StubVendors, tmp_path: Path, shared: Shared
) -> None:
    class Hasty(FakeClock):
        def monotonic(self) -> float:
            self.advance(timedelta(minutes=2))
            return super().monotonic()

    market = make_market(stub, Hasty(), tmp_path, shared, YAHOO_RATE="999/second")
    with pytest.raises(VendorDownError, match="took too long"):
        ask(market, "yahoo", WEEK)


def test_a_small_answer_that_unpacks_to_a_large_one_is_refused(
    market: Market, stub: StubVendors
) -> None:
    packed = gzip.compress(b" " * (33 * 2**20))
    assert len(packed) < 2**20
    stub.always["yahoo"] = Reply(body=packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(VendorAnswerError, match="larger than 32 MiB"):
        ask(market, "yahoo", WEEK)


@pytest.mark.parametrize("name", ["polygon", "alpha_vantage"])
def test_a_key_stands_in_no_log_and_no_error(
    market: Market, stub: StubVendors, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key, errors = KEYS[name], list[TradingError]()
    echo = f'{{"Information": "your key {key}", "error": "{key}", "status": "{key}"}}'.encode()
    ask(market, name, WEEK)
    for reply in (
        Reply(500, echo),
        Reply(429, echo),
        Reply(403, echo),
        Reply(200, echo),
        Reply(200, b"{", cut=True),
        Reply(302, headers={"Location": f"https://elsewhere.example/?apikey={key}"}),
    ):
        stub.always[name] = reply
        market.shared.update(f"market.{name}", lambda _: None)
        with pytest.raises(VendorError) as error:
            ask(market, name, WEEK)
        errors.append(error.value)
    told = "".join(map(all_that_is_said, errors)) + repr(market) + repr(market.state())
    logged = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "HTTP Request: GET" in logged
    assert key in str(stub.requests)
    assert key not in told + logged


def test_without_a_key_nothing_is_asked(
    stub: StubVendors, clock: FakeClock, tmp_path: Path, shared: Shared
) -> None:
    market = make_market(stub, clock, tmp_path, shared, POLYGON_API_KEY="")
    with pytest.raises(VendorKeyError, match="POLYGON_API_KEY is not set"):
        ask(market, "polygon", WEEK)
    assert stub.requests == []
    assert market.state()[0]["configured"] is False
    assert market.state()[0]["budget"][0]["left"] == 5


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


def test_a_proxy_of_the_environment_is_used(
    stub: StubVendors,
    clock: FakeClock,
    tmp_path: Path,
    shared: Shared,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", stub.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    market = make_market(stub, clock, tmp_path, shared, POLYGON_URL="http://polygon.example/below/")
    stub.replies.append(Reply(403))
    with pytest.raises(VendorKeyError):
        ask(market, "polygon", WEEK)
    assert len(ask(market, "yahoo", WEEK)) == 5
    assert stub.requests[0][1].startswith("/below/v2/aggs/ticker/IBM/")


def test_an_unknown_source_is_the_callers_mistake(market: Market) -> None:
    with pytest.raises(ParameterError, match="one of polygon, yahoo, alpha_vantage"):
        ask(market, "rumour", WEEK)


def test_connections_are_tried_in_earnest(market: Market, stub: StubVendors) -> None:
    stub.always["polygon"] = Reply(401)
    tried = try_connections(market, ["polygon", "yahoo"], "IBM")
    assert [each["usable"] for each in tried] == [False, True]
    assert tried[0]["error"] == "VendorKeyError"
    assert tried[0]["reason"].startswith("it refuses us (401): check POLYGON_API_KEY")
    assert (tried[1]["bars"], tried[1]["last_bar"]) == (8, "2025-09-11")
    try_connections(market, ["yahoo"], "IBM")
    assert len(stub.asked("yahoo")) == 2


def test_no_key_is_part_of_the_address_that_is_kept(market: Market) -> None:
    with wire.Wire(market.provider("polygon"), market.clock) as opened:
        assert KEYS["polygon"] not in repr(vars(opened))
