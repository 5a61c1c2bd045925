from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trading.price_series import make_bars, write_csv
from trading.bars import Bars
from trading.benchmark import EQUAL_WEIGHT, hold
from trading.dataset import prepare
from trading.errors import DataError, ParameterError, UnknownSymbolError
from trading.period import Period
from trading.sources.embedded import EmbeddedSource
from trading.sources.local import LocalSource
from trading.window import WARM_UP_BARS, Window, divide

HALF_YEAR = Period.parse("6M")
LONG = ["AAPL", "GOOG", "IBM", "MSFT"]


def wave(length: int, symbol: str = "TEST") -> list[float]:
    phase = sum(map(ord, symbol))
    return [20 + 5 * np.sin((at + phase) / 7) + at / 100 for at in range(length)]


def test_the_period_counts_back_from_the_last_bar(embedded: EmbeddedSource) -> None:
    dataset = prepare(embedded, LONG, "SPY", HALF_YEAR)
    panel, windows = dataset.panel, dataset.windows
    assert panel.dates[windows.validation.first] == "2012-09-04"
    assert panel.dates[windows.validation.last] == "2013-03-01"
    assert windows.out_of_sample == windows.validation
    assert windows.in_sample.last == windows.validation.first - 1
    assert windows.in_sample.length == 4 * windows.validation.length
    assert windows.in_sample.first == WARM_UP_BARS
    assert windows.divided is None


def test_the_data_says_where_it_comes_from(embedded: EmbeddedSource) -> None:
    data = prepare(embedded, LONG, "SPY", HALF_YEAR).as_json()
    assert data["source"] == "embedded"
    assert data["symbols"] == LONG
    assert (data["first_bar"], data["last_bar"]) == ("2010-06-04", "2013-03-01")
    assert data["bars"] == 4 * 690
    assert data["findings"] == []


def test_a_short_series_is_told_of(embedded: EmbeddedSource) -> None:
    dataset = prepare(embedded, ["AAPL", "FB"], "SPY", HALF_YEAR)
    (finding,) = dataset.findings
    assert (finding.symbol, finding.rule) == ("FB", "short_warm_up")


def test_a_series_shorter_than_the_period_stops_the_work(embedded: EmbeddedSource) -> None:
    with pytest.raises(
        DataError, match=r"FB: there are 196 bars, but the period 1Y .*too_few_bars"
    ):
        prepare(embedded, ["AAPL", "FB"], "SPY", Period.parse("1Y"))


@pytest.mark.parametrize("rows", [0, 3])
def test_a_file_of_few_rows_stops_the_work(tmp_path: Path, rows: int) -> None:
    write_csv(tmp_path, make_bars([1.0] * 5), lambda lines: lines[: rows + 1])
    with pytest.raises(DataError, match=rf"TEST: there are {rows} bars, but .*too_few_bars"):
        prepare(LocalSource(tmp_path), ["TEST"], "SPY", HALF_YEAR)


def every_day(length: int, symbol: str, last: str) -> Bars:
    bars = make_bars(wave(length), symbol)
    return replace(bars, dates=np.datetime64(last) - np.arange(length)[::-1])


def test_bars_on_every_day_of_the_week_need_a_warm_up_too(tmp_path: Path) -> None:
    write_csv(tmp_path, every_day(170, "COIN", "2012-06-30"))
    with pytest.raises(DataError, match="there are 0 bars, but the warm-up before 2011-12-30"):
        prepare(LocalSource(tmp_path), ["COIN"], "SPY", HALF_YEAR)


def test_a_series_that_ended_before_the_period_stops_the_work(tmp_path: Path) -> None:
    write_csv(tmp_path, every_day(300, "LIVE", "2012-06-30"))
    write_csv(tmp_path, every_day(300, "GONE", "2011-06-30"))
    with pytest.raises(DataError, match="GONE: there are 0 bars, but the period 6M after"):
        prepare(LocalSource(tmp_path), ["LIVE", "GONE"], "SPY", HALF_YEAR)


def test_a_broken_bar_stops_the_work(tmp_path: Path) -> None:
    write_csv(tmp_path, make_bars(wave(300)), lambda lines: [*lines[:9], lines[8], *lines[9:]])
    with pytest.raises(DataError, match="doubled_date"):
        prepare(LocalSource(tmp_path), ["TEST"], "SPY", HALF_YEAR)


def test_an_unknown_symbol_stops_the_work(embedded: EmbeddedSource) -> None:
    with pytest.raises(UnknownSymbolError):
        prepare(embedded, ["NOPE"], "SPY", HALF_YEAR)


def test_an_ill_formed_benchmark_stops_the_work(embedded: EmbeddedSource) -> None:
    with pytest.raises(ParameterError):
        prepare(embedded, ["IBM"], "s/p", HALF_YEAR)


def test_little_history_divides_the_period_itself(tmp_path: Path) -> None:
    write_csv(tmp_path, make_bars(wave(200)))
    windows = prepare(LocalSource(tmp_path), ["TEST"], "SPY", HALF_YEAR).windows
    assert windows.in_sample.first == windows.validation.first
    assert windows.out_of_sample.first == windows.in_sample.last + 1
    assert windows.out_of_sample.last == windows.validation.last
    assert windows.in_sample.length == pytest.approx(2 * windows.out_of_sample.length, abs=2)
    assert windows.divided is not None
    assert "its last third judged" in windows.divided


def test_learning_and_judging_days_never_meet() -> None:
    for first in range(1, 700, 7):
        windows = divide(Window(first, first + 125))
        assert windows.in_sample.last < windows.out_of_sample.first
        assert windows.in_sample.eve >= 0


def test_progress_is_told_symbol_by_symbol(embedded: EmbeddedSource) -> None:
    heard: list[float] = []
    prepare(embedded, LONG, "SPY", HALF_YEAR, lambda fraction, _: heard.append(fraction))
    assert heard == [0.2, 0.4, 0.6, 0.8]


def test_without_the_benchmark_the_universe_is_held(embedded: EmbeddedSource) -> None:
    dataset = prepare(embedded, ["IBM", "MSFT"], "SPY", HALF_YEAR)
    window = dataset.windows.validation
    benchmark = hold(dataset, window)
    each = [bars.close[-1] / bars.close[-window.length - 1] - 1 for bars in dataset.panel.series]
    assert benchmark.total_return == pytest.approx(sum(each) / 2)
    assert (benchmark.requested, benchmark.used) == ("SPY", EQUAL_WEIGHT)
    assert benchmark.reason == "SPY has no bars in the source embedded"


def test_a_benchmark_that_is_there_is_used(embedded: EmbeddedSource) -> None:
    dataset = prepare(embedded, ["MSFT"], "IBM", HALF_YEAR)
    window = dataset.windows.validation
    (ibm,) = embedded.load(["IBM"]).bars
    benchmark = hold(dataset, window)
    assert benchmark.as_json() == {
        "requested": "IBM",
        "used": "IBM",
        "reason": None,
        "total_return": ibm.close[-1] / ibm.close[-window.length - 1] - 1,
    }
    assert dataset.panel.symbols == ("MSFT",)


def test_a_benchmark_that_begins_too_late_is_not_used(tmp_path: Path) -> None:
    write_csv(tmp_path, make_bars(wave(300)))
    write_csv(tmp_path, make_bars(wave(10), "SPY", "2011-03-01"))
    dataset = prepare(LocalSource(tmp_path), ["TEST"], "SPY", HALF_YEAR)
    benchmark = hold(dataset, dataset.windows.validation)
    assert benchmark.used == EQUAL_WEIGHT
    assert benchmark.reason == "SPY has no bars early enough in the source local"
