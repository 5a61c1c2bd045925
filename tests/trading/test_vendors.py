"""What vendors are asked, and how their answers are read, with every trap that they set."""

from datetime import UTC, date, datetime
from typing import Any

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
from trading.checks import looks_split
from trading.errors import DataError, VendorAnswerError
from trading.sessions import last_closed_day
from trading.vendors import VENDORS
from trading.vendors.vendor import Asked, Page, Row, bars_of


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
