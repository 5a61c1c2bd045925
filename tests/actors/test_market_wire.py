"""How vendors are asked over HTTP: bounded, never redirected, and the key seen by nobody."""

import gzip
import logging
import socket
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from actors.market import wire
from actors.market.connection import try_connections
from actors.market.enquiry import ask
from actors.market.market import Market
from orchestration.context import Shared
from tests.actors.markets import DOWN, KEYS, WEEK, make_market
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

SESSIONS = ["2025-09-02", "2025-09-03", "2025-09-04", "2025-09-05", "2025-09-08"]


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
    for logger in ("", "httpx"):  # whoever has started a process's logs before has made it quiet
        caplog.set_level(logging.DEBUG, logger)
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
