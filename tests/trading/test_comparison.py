"""Two sources are compared by their daily returns, where both have bars."""

import numpy as np
import pytest

from tests.trading.price_series import make_bars
from trading.bars import Bars
from trading.comparison import LEAST_COMMON_BARS, compare


def series(count: int = 60, factor: float = 1.0) -> Bars:
    closes = 100.0 * np.cumprod(1.0 + 0.01 * np.sin(np.arange(count)))
    return make_bars(list(closes * factor))


def test_an_adjustment_of_all_prices_is_no_difference() -> None:
    found = compare(series(factor=0.25), series())
    assert (found.common_bars, found.differing) == (60, 0)
    assert found.largest == pytest.approx(0.0, abs=1e-12)
    assert found.comparable
    assert found.agrees
    assert found.as_json()["agrees"] is True


def test_days_with_other_returns_differ() -> None:
    other = series()
    shifted = other.close.copy()
    shifted[30:34] *= (1.1, 0.9, 1.2, 1.0)
    found = compare(series(), other.scaled(shifted / other.close))
    assert found.differing == 4
    assert not found.agrees


def test_too_few_common_days_say_nothing() -> None:
    new = series()
    found = compare(new, new.rows(np.arange(60) < LEAST_COMMON_BARS - 1, "X"))
    assert not found.comparable
    assert found.agrees


@pytest.mark.parametrize("kept", [0, 1])
def test_hardly_any_common_day_has_no_largest_difference(kept: int) -> None:
    new = series()
    found = compare(new, new.rows(np.arange(60) < kept, "X"))
    assert (found.common_bars, found.differing, found.largest) == (kept, 0, None)
