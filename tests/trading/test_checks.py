from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.trading.price_series import make_bars
from trading.bars import Bars
from trading.checks import (
    FINDINGS_PER_RULE,
    looks_split,
    require_length,
    require_usable,
    warnings_about,
)
from trading.errors import DataError
from trading.finding import Severity
from trading.price_table import BAR_COLUMNS, PriceTable
from trading.sources.embedded import EMBEDDED_FILE, EmbeddedSource, _intact_text


@pytest.fixture
def bars() -> Bars:
    return make_bars([10.0 + 0.1 * at for at in range(10)])


def changed(values: np.ndarray, at: int, value: float) -> np.ndarray:
    copy = values.copy()
    copy[at] = value
    return copy


def with_value(bars: Bars, column: str, value: float) -> Bars:
    columns: dict[str, Any] = {column: changed(getattr(bars, column), 4, value)}
    return replace(bars, **columns)


def test_sound_bars_pass_without_a_word(bars: Bars) -> None:
    require_usable(bars)
    assert warnings_about(bars, bars.dates[-1]) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("low", 99.0, "high_below_low"),
        ("close", 0.0, "price_not_positive"),
        ("low", -1.0, "price_not_positive"),
        ("volume", -1.0, "negative_volume"),
    ],
)
def test_a_broken_bar_stops_the_work(bars: Bars, column: str, value: float, rule: str) -> None:
    broken = with_value(bars, column, value)
    with pytest.raises(DataError) as error:
        require_usable(broken)
    (finding,) = error.value.findings
    assert (finding.rule, finding.date) == (rule, str(bars.dates[4]))
    assert finding.stops


@pytest.mark.parametrize(("other", "rule"), [(3, "doubled_date"), (1, "unordered_dates")])
def test_dates_must_rise(bars: Bars, other: int, rule: str) -> None:
    dates = bars.dates.copy()
    dates[4] = dates[other]
    with pytest.raises(DataError, match=rule):
        require_usable(replace(bars, dates=dates))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("volume", 0.0, "zero_volume"),
        ("open", 10.9, "open_outside_range"),
        ("close", 10.9, "close_outside_range"),
    ],
)
def test_an_odd_bar_is_told_of(bars: Bars, column: str, value: float, rule: str) -> None:
    odd = with_value(bars, column, value)
    require_usable(odd)
    (finding,) = warnings_about(odd, bars.dates[-1])
    assert (finding.rule, finding.date) == (rule, str(bars.dates[4]))
    assert finding.severity is Severity.WARNING
    assert not finding.stops


def test_a_hole_of_two_sessions_is_one_finding(bars: Bars) -> None:
    holed = bars.rows(~np.isin(np.arange(len(bars)), [3, 4, 7]), "TEST")
    findings = warnings_about(holed, bars.dates[-1])
    assert [finding.rule for finding in findings] == ["missing_session"] * 2
    assert findings[0].message == "2 session(s) without a bar, 2010-01-07 to 2010-01-08"


def test_a_bar_on_a_holiday_is_told_of(bars: Bars) -> None:
    dates = bars.dates.copy()
    dates[-1] = np.datetime64("2010-01-18")  # Martin Luther King Jr. Day
    rules = [finding.rule for finding in warnings_about(replace(bars, dates=dates), dates[-1])]
    assert "not_a_session" in rules


def test_a_series_that_ends_early_is_stale(bars: Bars) -> None:
    (finding,) = warnings_about(bars, bars.dates[-1] + np.timedelta64(20, "D"))
    assert finding.rule == "stale_series"
    assert finding.date == str(bars.dates[-1])


def test_many_findings_of_one_rule_end_in_a_count() -> None:
    bars = make_bars([10.0] * 50)
    findings = warnings_about(replace(bars, volume=np.zeros(50)), bars.dates[-1])
    assert len(findings) == FINDINGS_PER_RULE + 1
    assert findings[-1].message == "30 further bars break this rule"
    assert findings[-1].as_json() == {
        "symbol": "TEST",
        "date": None,
        "rule": "zero_volume",
        "severity": "warning",
        "message": "30 further bars break this rule",
    }


def test_three_bars_are_too_few() -> None:
    with pytest.raises(DataError, match="there are 3 bars, but the period 6M needs at least 157"):
        require_length(make_bars([1.0, 2.0, 3.0]), 157, "the period 6M")


def test_adjustment_removes_the_three_splits_and_leaves_the_crash() -> None:
    text = _intact_text(EMBEDDED_FILE)
    table = PriceTable.read("embedded", text, ("ticker", *BAR_COLUMNS, "adj close"))
    ticker = np.array(table.cells["ticker"])
    raw, found = table.bars(), []
    for symbol in np.unique(ticker).tolist():
        bars = raw.rows(ticker == symbol, symbol)
        found += [f"{symbol} {day}" for day in bars.dates[looks_split(bars)]]
    assert found == ["AAPL 2000-06-21", "AAPL 2005-02-28", "MSFT 2003-02-18"]


def test_the_embedded_prices_are_sound_but_for_nothing(embedded: EmbeddedSource) -> None:
    for bars in embedded.load(embedded.available()).bars:
        require_usable(bars)
        assert warnings_about(bars, bars.dates[-1]) == []
