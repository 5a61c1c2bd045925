import pytest

from trading.errors import DataError
from trading.price_table import PriceTable

HEADER = "date,open,high,low,close,volume"
ROW = "2012-01-03,1,2,0.5,1.5,100"


def read(*lines: str) -> PriceTable:
    return PriceTable.read("TEST", "\n".join(lines))


def rules(error: pytest.ExceptionInfo[DataError]) -> list[str]:
    return [finding.rule for finding in error.value.findings]


def test_columns_may_come_in_any_case_and_order_and_be_joined_by_others() -> None:
    bars = read("Close,VOLUME,Open,note,Low,High,Date", "1.5,100,1,x,0.5,2,2012-01-03", "").bars()
    assert (str(bars.dates[0]), bars.open[0], bars.high[0]) == ("2012-01-03", 1.0, 2.0)
    assert (bars.low[0], bars.close[0], bars.volume[0]) == (0.5, 1.5, 100.0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["date,open,high,low,close"], "must name the columns volume; it names date, open"),
        ([], "must name the columns date, open, high, low, close, volume; it names nothing"),
    ],
)
def test_a_missing_column_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(*lines)
    assert rules(error) == ["missing_column"]


@pytest.mark.parametrize(
    ("row", "rule", "message"),
    [
        ("2012-01-03,1,2,0.5,abc,100", "not_a_number", "line 2 has the close 'abc'"),
        ("2012-01-03,1,2,0.5,nan,100", "not_a_number", "not a finite number"),
        ("2012-01-03,1,inf,0.5,1,100", "not_a_number", "not a finite number"),
        ("2012-01-03,1,2,0.5,,100", "missing_value", "line 2 has no close"),
        ("2012-01-03,1,2,0.5,1", "missing_value", "line 2 has no volume"),
        (",1,2,0.5,1,100", "missing_value", "line 2 has no date"),
        ("03.01.2012,1,2,0.5,1,100", "not_a_date", "'03.01.2012', which is not YYYY-MM-DD"),
        ("2012-02-30,1,2,0.5,1,100", "not_a_date", "2012-02-30"),
        ("NaT,1,2,0.5,1,100", "not_a_date", "NaT"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(row: str, rule: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(HEADER, row).bars()
    assert rules(error) == [rule]


def test_every_bad_cell_is_found_and_the_first_one_shown() -> None:
    with pytest.raises(DataError, match=r"line 2 .*\(and 1 more\)") as error:
        read(HEADER, "2012-01-03,1,2,0.5,x,1", ROW, "2012-01-05,1,2,0.5,y,1").bars()
    assert rules(error) == ["not_a_number", "not_a_number"]


def test_text_that_is_no_table_is_refused() -> None:
    with pytest.raises(DataError, match="the text is no table"):
        read(HEADER, '"' + "x" * 200_000)
