import numpy as np
import pytest

from trading.errors import PeriodError
from trading.period import Period

LAST = np.datetime64("2013-03-01")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90D", "2012-12-01"),
        ("4W", "2013-02-01"),
        ("6M", "2012-09-01"),
        ("1Y", "2012-03-01"),
        ("14M", "2012-01-01"),
    ],
)
def test_a_period_ends_with_the_last_bar(text: str, before: str) -> None:
    assert Period.parse(text).before(LAST) == np.datetime64(before)


def test_a_month_that_is_shorter_gives_its_last_day() -> None:
    assert Period.parse("6M").before(np.datetime64("2012-08-31")) == np.datetime64("2012-02-29")


@pytest.mark.parametrize("text", ["6X", "0M", "", "M", "6", "-6M", "6m", "1.5Y", "99999D", "6M\n"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(PeriodError, match="such as 6M, 1Y or 90D") as caught:
        Period.parse(text)
    assert caught.value.value == text


def test_a_period_reads_as_it_was_written() -> None:
    assert Period.parse("6M").text == "6M"
