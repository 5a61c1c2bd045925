"""Prices as comma-separated text."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.arrays import Dates, Floats
from trading.bars import Bars
from trading.errors import DataError
from trading.finding import Finding, Severity

_PRICES = ("open", "high", "low", "close", "volume")
BAR_COLUMNS = ("date", *_PRICES)
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The text cells of the required columns, by lower-case column name; errors name `owner`."""

    owner: str
    cells: dict[str, list[str]]

    @classmethod
    def read(cls, owner: str, text: str, columns: Sequence[str] = BAR_COLUMNS) -> "PriceTable":
        """Split the text; the first line names the columns, in any case and order.

        Raises:
            DataError: A required column is missing, or a cell has no end.
        """
        try:
            lines = [row for row in csv.reader(text.splitlines()) if row]
        except csv.Error as error:
            problem = f"the text is no table: {error}"
            raise DataError([_stop(owner, None, "not_a_table", problem)]) from error
        header = [name.strip().lower() for name in lines[0]] if lines else []
        missing = [name for name in columns if name not in header]
        if missing:
            raise DataError([_stop(owner, None, "missing_column", _missing(missing, header))])
        places = {name: header.index(name) for name in columns}
        return cls(
            owner,
            {
                name: [row[at].strip() if at < len(row) else "" for row in lines[1:]]
                for name, at in places.items()
            },
        )

    def dates(self) -> Dates:
        """Return the dates (datetime64[D]), which must be written YYYY-MM-DD.

        Raises:
            DataError: One is missing or no date.
        """
        days = [_day(cell) for cell in self.cells["date"]]
        bad = [
            _stop(self.owner, None, *_bad_date(line, cell))
            for line, (cell, day) in enumerate(zip(self.cells["date"], days, strict=True), start=2)
            if day is None
        ]
        if bad:
            raise DataError(bad)
        return np.array(days, dtype="datetime64[D]")

    def numbers(self, column: str) -> Floats:
        """Return a column's numbers.

        Raises:
            DataError: A cell is empty, or is no finite number.
        """
        cells = self.cells[column]
        values = [_number(cell) for cell in cells]
        bad = [
            _stop(self.owner, self.cells["date"][at] or None, *_bad_cell(column, at + 2, cells[at]))
            for at, value in enumerate(values)
            if not math.isfinite(value)
        ]
        if bad:
            raise DataError(bad)
        return np.array(values, dtype=np.float64)

    def bars(self) -> Bars:
        """Return the table as the bars of its owner.

        Raises:
            DataError: A cell is missing or not readable.
        """
        dates = self.dates()
        return Bars(self.owner, dates, *(self.numbers(column) for column in _PRICES))


def text_of(bars: Bars) -> str:
    """Return bars as the text that `PriceTable` reads back, digit for digit."""
    columns = [bars.open, bars.high, bars.low, bars.close, bars.volume]
    rows = zip(bars.dates.astype(str), *(column.tolist() for column in columns), strict=True)
    return "\n".join([",".join(BAR_COLUMNS), *(",".join(map(str, row)) for row in rows), ""])


def _day(cell: str) -> np.datetime64 | None:
    if len(cell) != len("YYYY-MM-DD"):
        return None
    try:
        return np.datetime64(cell, "D")
    except ValueError:
        return None


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _stop(owner: str, date: str | None, rule: str, message: str) -> Finding:
    return Finding(owner, date, rule, Severity.ERROR, message)


def _missing(missing: Sequence[str], header: Sequence[str]) -> str:
    found = ", ".join(header) or "nothing"
    return f"the first line must name the columns {', '.join(missing)}; it names {found}"


def _bad_date(line: int, cell: str) -> tuple[str, str]:
    if not cell:
        return "missing_value", f"line {line} has no date"
    return "not_a_date", f"line {line} has the date {_shown(cell)}, which is not YYYY-MM-DD"


def _bad_cell(column: str, line: int, cell: str) -> tuple[str, str]:
    if not cell:
        return "missing_value", f"line {line} has no {column}"
    return (
        "not_a_number",
        f"line {line} has the {column} {_shown(cell)}, which is not a finite number",
    )


def _shown(cell: str) -> str:
    short = cell if len(cell) <= _MOST_SHOWN else cell[:_MOST_SHOWN] + "…"
    return repr(short)
