"""What a vendor of prices is: how it is asked and how its answers are read; nothing is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, Protocol

import numpy as np

from trading.bars import Bars
from trading.errors import DataError
from trading.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Asked:
    """The daily bars of one symbol from the first to the last day, both included."""

    symbol: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Request:
    """A GET below the vendor's address; the key is no part of it."""

    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `retry_after` is the header of that name, where it could be read."""

    status: int
    content_type: str
    body: bytes
    retry_after: timedelta | None = None


class Row(NamedTuple):
    """One daily bar as it is read."""

    day: date
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer, in its order, and where the next ones are."""

    rows: tuple[Row, ...]
    further: Request | None = None


class Vendor(Protocol):
    """One company's way of giving daily bars."""

    @property
    def name(self) -> str:
        """The name that results show."""
        ...

    @property
    def adjustment(self) -> str:
        """What was done to the prices, as results show it."""
        ...

    @property
    def key_parameter(self) -> str | None:
        """The query parameter that carries the key; None: there is no key."""
        ...

    def request(self, asked: Asked) -> Request:
        """Return the request of the first page."""
        ...

    def read(self, asked: Asked, answer: Answer) -> Page:
        """Return the bars of an answer.

        Raises:
            VendorError: The answer is a refusal, or does not fit the request; the kind says which.
            DataError: A bar lacks a value.
        """
        ...


def bars_of(asked: Asked, rows: Sequence[Row]) -> Bars:
    """Return the rows of the asked days as bars, in the order given.

    Raises:
        DataError: A value became infinite when it was scaled.
    """
    kept = [row for row in rows if asked.first <= row.day <= asked.last]
    days = np.array([row.day for row in kept], dtype="datetime64[D]")
    values = np.array([row[1:] for row in kept], dtype=np.float64).reshape(len(kept), 5)
    endless = days[~np.isfinite(values).all(axis=1)]
    if len(endless):
        message = "the bar has a value that is no finite number"
        first = Finding(asked.symbol, str(endless[0]), "not_a_number", Severity.ERROR, message)
        raise DataError([first])
    return Bars(asked.symbol, days, *values.T.copy())
