"""What vendors answer in place of bars: refusals, failures, and what is no answer at all."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from tests.trading.vendor_answers import (
    ALPHA_VANTAGE,
    DAILY,
    JULY,
    KEY,
    POLYGON,
    YAHOO,
    aggregate,
    aggregates,
    answer,
    chart,
    series,
)
from trading.errors import (
    NoVendorBarsError,
    VendorAnswerError,
    VendorDownError,
    VendorError,
    VendorKeyError,
    VendorLimitError,
    VendorRangeError,
)
from trading.vendors import VENDORS
from trading.vendors.vendor import Answer, Asked


@pytest.mark.parametrize("status", [200, 404])
def test_not_found_is_the_same_with_either_status(status: int) -> None:
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    body = {"chart": {"result": None, "error": error}}
    with pytest.raises(NoVendorBarsError, match="yahoo cannot be read: it has no bars of AAPL"):
        YAHOO.read(JULY, answer(body, status))


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
