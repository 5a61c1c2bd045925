import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from trading import indicators as ours
from trading.arrays import Floats
from trading.bars import Bars
from trading.sources.embedded import EmbeddedSource


@pytest.fixture(scope="module")
def apple(embedded: EmbeddedSource) -> Bars:
    return embedded.load(["AAPL"]).bars[0]


def same(mine: Floats, theirs: Floats, first: int) -> None:
    assert np.isnan(mine[:first]).all()
    np.testing.assert_allclose(mine[first:], theirs[first:], rtol=1e-9)


def test_the_simple_atr_is_the_mean_of_talibs_true_ranges(apple: Bars) -> None:
    oracle = talib.SMA(talib.TRANGE(apple.high, apple.low, apple.close), 14)
    same(ours.average_true_range(apple.high, apple.low, apple.close), oracle, 14)


def test_cutlers_rsi_is_made_of_talibs_simple_means(apple: Bars) -> None:
    change = np.diff(apple.close)
    gain = talib.SMA(np.maximum(change, 0.0), 14)
    loss = talib.SMA(np.maximum(-change, 0.0), 14)
    same(ours.cutler_rsi(apple.close)[1:], 100 * gain / (gain + loss), 13)


def test_cutlers_rsi_begins_where_wilders_does_and_then_parts_from_it(apple: Bars) -> None:
    wilder, cutler = talib.RSI(apple.close, 14), ours.cutler_rsi(apple.close)
    assert cutler[14] == pytest.approx(wilder[14])
    both = slice(14, None)
    band = [(rsi[both] >= 60) & (rsi[both] <= 70) for rsi in (wilder, cutler)]
    assert 0.7 < (band[0] == band[1]).mean() < 0.9


def test_the_exponential_mean_is_talibs_once_the_seeds_are_forgotten(apple: Bars) -> None:
    mine, oracle = ours.exponential_mean(apple.close, 20), talib.EMA(apple.close, 20)
    np.testing.assert_allclose(mine[300:], oracle[300:], rtol=1e-9)


def test_the_exponential_mean_begins_with_the_first_price() -> None:
    assert ours.exponential_mean(np.array([8.0, 4.0, 4.0]), 3).tolist() == [8.0, 6.0, 5.0]


def test_the_rolling_vwap_is_a_ratio_of_talibs_sums(apple: Bars) -> None:
    typical = talib.TYPPRICE(apple.high, apple.low, apple.close)
    oracle = talib.SUM(typical * apple.volume, 20) / talib.SUM(apple.volume, 20)
    same(ours.rolling_vwap(apple.high, apple.low, apple.close, apple.volume), oracle, 19)


def test_relative_volume_leaves_the_present_bar_out_of_the_mean(apple: Bars) -> None:
    oracle = apple.volume[1:] / talib.SMA(apple.volume, 30)[:-1]
    same(ours.relative_volume(apple.volume)[1:], oracle, 29)


def test_the_band_width_is_talibs(apple: Bars) -> None:
    upper, _, lower = talib.BBANDS(apple.close, 20, 2, 2)
    mine = ours.band_width(apple.close)
    assert np.isnan(mine[:19]).all()
    np.testing.assert_allclose(mine[19:], ((upper - lower) / apple.close)[19:], rtol=1e-6)


def test_the_change_is_talibs_rate_of_change(apple: Bars) -> None:
    np.testing.assert_allclose(
        ours.change_over(apple.close, 5)[5:], talib.ROCP(apple.close, 5)[5:], atol=1e-12
    )


def test_a_volume_spike_is_the_largest_of_three_weighted_ratios() -> None:
    volume = np.array([100.0] * 25 + [50.0] * 5 + [200.0])
    # means before: 50 over 5 bars, 75 over 10, 91.67 over 30
    assert ours.volume_spike(volume)[-1] == pytest.approx(0.8 * 200 / 50)
    assert np.isnan(ours.volume_spike(volume)[:-1]).all()


def test_up_days_count_from_the_last_close_that_did_not_rise() -> None:
    close = np.array([5.0, 6.0, 7.0, 7.0, 8.0, 9.0, 4.0, 5.0])
    assert ours.up_days(close).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


def test_a_price_that_never_moves_has_no_strength() -> None:
    assert np.isnan(ours.cutler_rsi(np.full(40, 7.0))).all()


def test_a_mean_of_zero_gives_no_ratio() -> None:
    assert np.isnan(ours.relative_volume(np.zeros(40))).all()


@pytest.mark.parametrize("length", [0, 1, 5, 13])
def test_a_series_that_is_too_short_gives_nothing(length: int) -> None:
    close = np.arange(1.0, length + 1.0)
    for values in (
        ours.rolling_sum(close, 14),
        ours.cutler_rsi(close),
        ours.band_width(close),
        ours.rolling_rank(close, 60),
        ours.average_true_range(close, close, close),
    ):
        assert len(values) == length
        assert np.isnan(values).all()


series = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60).map(np.array)


@given(series, st.integers(1, 12))
def test_sums_are_those_of_a_plain_loop(values: Floats, window: int) -> None:
    plain = [sum(values[end - window : end]) for end in range(window, len(values) + 1)]
    np.testing.assert_allclose(ours.rolling_sum(values, window)[window - 1 :], plain, rtol=1e-9)


@given(series, st.integers(1, 12))
def test_ranks_are_those_of_a_plain_loop(values: Floats, window: int) -> None:
    plain = [
        np.mean(values[end - window : end] <= values[end - 1])
        for end in range(window, len(values) + 1)
    ]
    np.testing.assert_allclose(ours.rolling_rank(values, window)[window - 1 :], plain)


@given(series, st.integers(1, 12), st.integers(1, 20))
def test_a_value_depends_on_its_window_only(values: Floats, window: int, earlier: int) -> None:
    longer = np.concatenate([np.full(earlier, 1e9), values])
    cut = ours.rolling_sum(values, window)[window - 1 :]
    assert np.array_equal(ours.rolling_sum(longer, window)[earlier + window - 1 :], cut)
