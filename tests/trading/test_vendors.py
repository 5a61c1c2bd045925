"""What vendors are asked, and how their answers are read, with every trap that they set."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trading.checks import looks_split
from trading.errors import (
    DataError,
    NoVendorBarsError,
    VendorAnswerError,
    VendorDownError,
    VendorError,
    VendorKeyError,
    VendorLimitError,
    VendorRangeError,
)
from trading.sessions import last_closed_day
from trading.vendors import VENDORS
from trading.vendors.vendor import Answer, Asked, Page, Row, bars_of

JULY = Asked("AAPL", date(2024, 7, 1), date(2024, 7, 31))
KEY = "KEYKEYKEYKEYKEY"
POLYGON, YAHOO, ALPHA_VANTAGE = (VENDORS[name] for name in ("polygon", "yahoo", "alpha_vantage"))


def answer(body: Any, status: int = 200, kind: str = "application/json") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, kind, raw)


def milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def aggregate(midnight: str, close: float = 2.0) -> dict[str, Any]:
    return {"t": milliseconds(midnight), "o": 1, "h": 3, "l": 0.5, "c": close, "v": 9, "n": 1}


def aggregates(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"ticker": "AAPL", "queryCount": 1, "resultsCount": 1, "adjusted": True}
    return {**head, "results": list(results), "status": "OK", "request_id": "x", "count": 1, **more}


def chart(
    moments: list[str], adjusted: list[float | None] | None = None, **columns: list[Any]
) -> dict[str, Any]:
    stamps = [milliseconds(moment) // 1000 for moment in moments]
    count = len(stamps)
    quote: dict[str, list[Any]] = {
        "open": [1.0],
        "high": [3.0],
        "low": [0.5],
        "close": [2.0],
        "volume": [9],
    }
    given = {name: columns.get(name, values * count) for name, values in quote.items()}
    adjclose = [{"adjclose": adjusted or given["close"]}]
    meta = {"symbol": "AAPL", "currency": "USD", "exchangeTimezoneName": "America/New_York"}
    indicators = {"quote": [given], "adjclose": adjclose}
    result = {"meta": meta, "timestamp": stamps, "indicators": indicators}
    return {"chart": {"result": [result], "error": None}}


def series(days: list[str], symbol: str = "AAPL") -> dict[str, Any]:
    row = {
        "1. open": "1.0",
        "2. high": "3.0",
        "3. low": "0.5",
        "4. close": "2.0",
        "5. volume": "9",
    }
    meta = {"1. Information": "Daily Prices", "2. Symbol": symbol}
    return {"Meta Data": meta, "Time Series (Daily)": dict.fromkeys(days, row)}


def days_of(page: Page) -> list[str]:
    return [str(row.day) for row in page.rows]


def test_polygon_is_asked_for_adjusted_days_in_order() -> None:
    request = POLYGON.request(JULY)
    assert request.path == "/v2/aggs/ticker/AAPL/range/1/day/2024-07-01/2024-07-31"
    assert request.query == {"adjusted": "true", "sort": "asc", "limit": "50000"}


def test_yahoo_is_asked_from_midnight_to_midnight_in_new_york() -> None:
    request = YAHOO.request(Asked("^GSPC", date(2024, 3, 8), date(2024, 3, 11)))
    first, after = (
        datetime.fromtimestamp(int(request.query[name]), UTC) for name in ("period1", "period2")
    )
    assert request.path == "/v8/finance/chart/%5EGSPC"
    assert request.query["interval"] == "1d"
    assert (first.isoformat()[:16], after.isoformat()[:16]) == (
        "2024-03-08T05:00",
        "2024-03-12T04:00",  # summer time began on the 10th
    )


@pytest.mark.parametrize(("last", "size"), [("2024-07-31", "compact"), ("2024-12-31", "full")])
def test_alpha_vantage_is_asked_for_everything_only_where_needed(last: str, size: str) -> None:
    request = ALPHA_VANTAGE.request(Asked("AAPL", date(2024, 7, 1), date.fromisoformat(last)))
    assert request.path == "/query"
    assert request.query == {
        "function": "TIME_SERIES_DAILY",
        "symbol": "AAPL",
        "outputsize": size,
    }


def test_polygons_midnights_are_new_yorks_in_winter_and_summer() -> None:
    body = aggregates(
        aggregate("2024-01-16T00:00-05:00"),
        aggregate("2024-07-16T00:00-04:00"),
        aggregate("1969-12-31T00:00-05:00"),
    )
    page = POLYGON.read(JULY, answer(body))
    assert days_of(page) == ["2024-01-16", "2024-07-16", "1969-12-31"]
    assert page.rows[0][1:] == (1.0, 3.0, 0.5, 2.0, 9.0)


def test_delayed_is_no_failure() -> None:
    body = aggregates(aggregate("2024-07-16T00:00-04:00"), status="DELAYED")
    assert days_of(POLYGON.read(JULY, answer(body))) == ["2024-07-16"]


def test_absent_results_are_none() -> None:
    body = aggregates(resultsCount=0)
    del body["results"]
    assert POLYGON.read(JULY, answer(body)) == Page(())


def test_the_next_page_keeps_path_and_query_only_and_no_key() -> None:
    url = f"https://api.massive.com/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=abc%3D&apiKey={KEY}"
    further = POLYGON.read(JULY, answer(aggregates(next_url=url))).further
    assert further is not None
    assert further.path == "/v2/aggs/ticker/AAPL/range/1/day/1/2"
    assert further.query == {"cursor": "abc="}


def test_a_next_page_that_cannot_be_read_is_no_page() -> None:
    with pytest.raises(VendorAnswerError, match="next page"):
        POLYGON.read(JULY, answer(aggregates(next_url="https://[::1/x")))


def test_yahoos_openings_are_days_and_prices_are_scaled_to_the_adjusted_close() -> None:
    opened = ["2024-01-16T09:30-05:00", "2024-07-16T09:30-04:00"]
    page = YAHOO.read(JULY, answer(chart(opened, [1.0, 2.0])))
    assert page.rows == (
        Row(date(2024, 1, 16), 0.5, 1.5, 0.25, 1.0, 9.0),
        Row(date(2024, 7, 16), 1.0, 3.0, 0.5, 2.0, 9.0),
    )


def test_a_day_of_nulls_is_a_day_without_a_bar() -> None:
    opened = ["2024-07-15T09:30-04:00", "2024-07-16T09:30-04:00"]
    holed: list[Any] = [2.0, None]
    body = chart(opened, holed, open=holed, high=holed, low=holed, close=holed, volume=holed)
    assert days_of(YAHOO.read(JULY, answer(body))) == ["2024-07-15"]


@pytest.mark.parametrize("column", ["open", "volume"])
def test_a_bar_with_some_nulls_stops_the_work(column: str) -> None:
    hole: dict[str, Any] = {column: [None]}
    with pytest.raises(DataError, match=r"AAPL 2024-07-16: .*\[missing_value\]"):
        YAHOO.read(JULY, answer(chart(["2024-07-16T09:30-04:00"], **hole)))


def test_a_close_of_zero_is_left_to_the_checks() -> None:
    body = chart(["2024-07-16T09:30-04:00"], [1.0], close=[0])
    assert YAHOO.read(JULY, answer(body)).rows[0].close == 0


def test_yahoo_may_have_no_quote_at_all() -> None:
    indicators: dict[str, Any] = {"quote": [{}], "adjclose": [{}]}
    body = {"chart": {"result": [{"meta": {}, "indicators": indicators}], "error": None}}
    assert YAHOO.read(JULY, answer(body)) == Page(())


@pytest.mark.parametrize("status", [200, 404])
def test_not_found_is_the_same_with_either_status(status: int) -> None:
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    body = {"chart": {"result": None, "error": error}}
    with pytest.raises(NoVendorBarsError, match="yahoo cannot be read: it has no bars of AAPL"):
        YAHOO.read(JULY, answer(body, status))


def test_alpha_vantages_newest_comes_last() -> None:
    page = ALPHA_VANTAGE.read(JULY, answer(series(["2024-07-17", "2024-07-16", "2024-07-15"])))
    assert days_of(page) == ["2024-07-15", "2024-07-16", "2024-07-17"]
    assert page.rows[0][1:] == (1.0, 3.0, 0.5, 2.0, 9.0)


def test_alpha_vantages_prices_are_raw_so_a_split_shows() -> None:
    body = series(["2024-07-16", "2024-07-15"])
    half = {name: str(float(text) / 2) for name, text in body[DAILY]["2024-07-16"].items()}
    body[DAILY]["2024-07-16"] = half | {"1. open": "1.0"}
    bars = bars_of(JULY, ALPHA_VANTAGE.read(JULY, answer(body)).rows)
    assert looks_split(bars).tolist() == [False, True]
    assert "none" in ALPHA_VANTAGE.adjustment


DAILY = "Time Series (Daily)"


def test_a_hundred_rows_that_do_not_reach_back_are_the_free_plans() -> None:
    half_year = Asked("AAPL", date(2024, 1, 2), date(2024, 7, 31))
    last_hundred = np.arange(np.datetime64("2024-04-01"), np.datetime64("2024-07-10")).astype(str)
    body = answer(series(last_hundred.tolist()))
    with pytest.raises(VendorRangeError, match=r"back to 2024-01-02 \(6M are about 126 rows\)"):
        ALPHA_VANTAGE.read(half_year, body)
    assert len(ALPHA_VANTAGE.read(JULY, body).rows) == 100
    easter = Asked("AAPL", date(2024, 3, 29), date(2024, 7, 31))  # Good Friday, no session
    assert len(ALPHA_VANTAGE.read(easter, body).rows) == 100


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"Information": "The outputsize=full parameter value is a premium feature"}, "range"),
        ({"Information": "This is a premium endpoint."}, "range"),
        ({"Information": "The **demo** API key is for demo purposes only."}, "key"),
        ({"Error Message": "the parameter apikey is invalid or missing."}, "key"),
        ({"Error Message": "Invalid API call. Please retry or visit the documentation"}, "symbol"),
        ({"Note": "Our standard API call frequency is 5 calls per minute"}, 60),
        ({"Information": "spread out your requests (1 request per second), 25 per day"}, 60),
        (
            {"Information": f"We have detected your API key as {KEY}; the limit is 25 per day"},
            3600,
        ),
        ({}, "answer"),
    ],
)
def test_refusals_of_alpha_vantage_come_as_success(body: Any, kind: str | int) -> None:
    kinds: dict[str | int, type[VendorError]] = {
        "range": VendorRangeError,
        "key": VendorKeyError,
        "symbol": NoVendorBarsError,
        "answer": VendorAnswerError,
    }
    with pytest.raises(kinds.get(kind, VendorLimitError)) as error:
        ALPHA_VANTAGE.read(JULY, answer(body))
    if isinstance(error.value, VendorLimitError):
        assert error.value.retry_after == timedelta(seconds=int(kind))
    assert KEY not in str(error.value)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (401, VendorKeyError, "refuses us"),
        (403, VendorKeyError, "refuses us"),
        (429, VendorLimitError, "ask again in 60 s"),
        (500, VendorDownError, "failed by itself"),
        (503, VendorDownError, "failed by itself"),
        (302, VendorAnswerError, "status 302"),
        (400, VendorAnswerError, "status 400"),
    ],
)
def test_a_status_says_what_to_do_whatever_the_body(
    vendor: Any, status: int, kind: type[VendorError], says: str
) -> None:
    for body in ({"status": "ERROR", "error": KEY, "message": KEY}, b"<html>" + KEY.encode()):
        with pytest.raises(kind, match=says) as error:
            vendor.read(JULY, answer(body, status))
        assert type(error.value) is kind
        assert KEY not in str(error.value)


def test_a_vendor_may_say_when_to_come_back() -> None:
    given = Answer(429, "application/json", b"{}", timedelta(seconds=7))
    with pytest.raises(VendorLimitError, match="ask again in 7 s") as error:
        POLYGON.read(JULY, given)
    assert error.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"<!DOCTYPE html><html>", "application/json", "a page for people"),
        (b"{}", "text/html; charset=utf-8", "a page for people"),
        (b"", "application/json", "is no JSON"),
        (b"{", "application/json", "is no JSON"),
        (b"\xff", "application/json", "is no JSON"),
        (b"[" * 100_000, "application/json", "is no JSON"),
        (b"[]", "application/json", "another shape than agreed"),
        (b"null", "application/json", "another shape than agreed"),
    ],
)
def test_what_is_no_answer_is_named(vendor: Any, body: bytes, kind: str, says: str) -> None:
    with pytest.raises(VendorAnswerError, match=says):
        vendor.read(JULY, answer(body, kind=kind))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (aggregates(status="ERROR"), "neither OK nor DELAYED"),
        (aggregates(ticker="MSFT"), "not about AAPL adjusted"),
        (aggregates(adjusted=False), "not about AAPL adjusted"),
        (aggregates({"t": 1}), "results.0.o"),
        (aggregates(aggregate("2024-07-16T00:00-04:00") | {"c": "2"}), "results.0.c"),
        (aggregates(aggregate("2024-07-16T00:00-04:00") | {"c": None}), "results.0.c"),
        (aggregates(aggregate("2024-07-16T00:00-04:00") | {"c": True}), "results.0.c"),
        (aggregates(aggregate("2024-07-16T00:00-04:00") | {"c": float("nan")}), "results.0.c"),
        (aggregates(aggregate("2024-07-16T00:00-04:00") | {"t": 10**17}), "results.0.t"),
    ],
)
def test_polygons_wrong_answers_are_refused(body: Any, says: str) -> None:
    with pytest.raises(VendorAnswerError, match=says):
        POLYGON.read(JULY, answer(body))


def test_polygon_may_refuse_the_key_with_success() -> None:
    with pytest.raises(VendorKeyError, match="POLYGON_API_KEY"):
        POLYGON.read(JULY, answer({"status": "NOT_AUTHORIZED", "message": KEY}))


def edited(**changes: Any) -> dict[str, Any]:
    body = chart(["2024-07-16T09:30-04:00"])
    body["chart"]["result"][0].update(changes)
    return body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"chart": {"result": None, "error": {"code": "Internal"}}}, "holds an error"),
        (edited(meta={"symbol": "MSFT"}), "not about AAPL"),
        (edited(meta={"exchangeTimezoneName": "Asia/Tokyo"}), "not traded in New York"),
        (edited(timestamp=[]), "differ in length"),
        (edited(indicators={"quote": chart(["2024-07-16"])["chart"]["result"]}), "differ in"),
        (edited(indicators={"quote": []}), "indicators.quote"),
        (edited(timestamp=[10**13]), "timestamp.0"),
        (edited(timestamp=["now"]), "timestamp.0"),
    ],
)
def test_yahoos_wrong_answers_are_refused(body: Any, says: str) -> None:
    with pytest.raises(VendorAnswerError, match=says):
        YAHOO.read(JULY, answer(body))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (series(["2024-07-16"], "MSFT"), "not about AAPL"),
        (series(["yesterday"]), "Daily"),
        ({DAILY: {"2024-07-16": {"1. open": "1"}}}, "2. high"),
        ({DAILY: {"2024-07-16": series(["x"])[DAILY]["x"] | {"4. close": "nan"}}}, "4. close"),
        ({DAILY: {"2024-07-16": series(["x"])[DAILY]["x"] | {"4. close": "many"}}}, "4. close"),
    ],
)
def test_alpha_vantages_wrong_answers_are_refused(body: Any, says: str) -> None:
    with pytest.raises(VendorAnswerError, match=says):
        ALPHA_VANTAGE.read(JULY, answer(body))


def test_only_the_asked_days_become_bars() -> None:
    days = [date(2024, 6, 28), date(2024, 7, 1), date(2024, 7, 31), date(2024, 8, 1)]
    bars = bars_of(JULY, [Row(day, 1, 3, 0.5, 2, 9) for day in days])
    assert bars.symbol == "AAPL"
    assert bars.dates.astype(str).tolist() == ["2024-07-01", "2024-07-31"]
    assert (bars.open[0], bars.high[0], bars.low[0]) == (1.0, 3.0, 0.5)
    assert (bars.close[0], bars.volume[0]) == (2.0, 9.0)
    assert len(bars_of(JULY, [])) == 0


def test_a_price_that_became_infinite_stops_the_work() -> None:
    with pytest.raises(DataError, match="not_a_number"):
        bars_of(JULY, [Row(date(2024, 7, 16), float("inf"), 3, 0.5, 2, 9)])


def test_only_days_that_are_over_in_new_york_are_closed() -> None:
    assert last_closed_day(datetime(2024, 7, 17, 3, 59, tzinfo=UTC)) == date(2024, 7, 15)
    assert last_closed_day(datetime(2024, 7, 17, 4, 0, tzinfo=UTC)) == date(2024, 7, 16)


def test_each_vendor_says_what_was_done_to_its_prices() -> None:
    assert {name: vendor.adjustment.split(":")[0] for name, vendor in VENDORS.items()} == {
        "polygon": "splits",
        "yahoo": "splits and dividends",
        "alpha_vantage": "none",
    }
    assert [vendor.key_parameter for vendor in VENDORS.values()] == ["apiKey", None, "apikey"]
