"""Polygon (now Massive): aggregates, adjusted for splits, in pages."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from trading.errors import VendorAnswerError, VendorKeyError
from trading.sessions import day_in_new_york
from trading.vendors.answers import decoded, refusal
from trading.vendors.vendor import Answer, Asked, Page, Request, Row

_KEY = "apiKey"
_MOST_ROWS = 50_000
_CURE = "check POLYGON_API_KEY, and how far back its plan reaches (2 years where it is free)"
_USABLE = frozenset({"OK", "DELAYED"})
_YEAR_2100_MS = 4_102_444_800_000


class _Aggregate(BaseModel):
    model_config = ConfigDict(strict=True)

    t: Annotated[int, Field(gt=-_YEAR_2100_MS, lt=_YEAR_2100_MS)]
    o: FiniteFloat
    h: FiniteFloat
    l: FiniteFloat  # noqa: E741 - the vendor's name
    c: FiniteFloat
    v: FiniteFloat


class _Aggregates(BaseModel):
    model_config = ConfigDict(strict=True)

    status: str
    ticker: str | None = None
    adjusted: bool = True
    results: tuple[_Aggregate, ...] | None = None
    next_url: str | None = None


@dataclass(frozen=True, slots=True)
class Polygon:
    """Daily aggregates; `t` is midnight in New York, in milliseconds."""

    @property
    def name(self) -> str:
        """The name that results show."""
        return "polygon"

    @property
    def adjustment(self) -> str:
        """What was done to the prices."""
        return "splits: open, high, low, close and volume"

    @property
    def key_parameter(self) -> str:
        """The query parameter of the key."""
        return _KEY

    def request(self, asked: Asked) -> Request:
        """Return the request of the first page."""
        ticker = quote(asked.symbol, safe="")
        path = f"/v2/aggs/ticker/{ticker}/range/1/day/{asked.first}/{asked.last}"
        return Request(path, {"adjusted": "true", "sort": "asc", "limit": str(_MOST_ROWS)})

    def read(self, asked: Asked, answer: Answer) -> Page:
        """Return a page; `results` is absent where there is nothing.

        Raises:
            VendorError: The answer is a refusal, or does not fit the request.
        """
        if error := refusal(self.name, answer, _CURE):
            raise error
        found = decoded(self.name, _Aggregates, answer)
        if found.status == "NOT_AUTHORIZED":
            raise VendorKeyError(self.name, f"it refuses us: {_CURE}")
        if found.status not in _USABLE:
            raise VendorAnswerError(self.name, "its answer says neither OK nor DELAYED")
        if found.ticker not in {None, asked.symbol} or not found.adjusted:
            problem = f"its answer is not about {asked.symbol} adjusted for splits"
            raise VendorAnswerError(self.name, problem)
        rows = tuple(map(_row, found.results or ()))
        return Page(rows, _further(self.name, found.next_url) if found.next_url else None)


def _row(bar: _Aggregate) -> Row:
    day = day_in_new_york(timedelta(milliseconds=bar.t))
    return Row(day, bar.o, bar.h, bar.l, bar.c, bar.v)


def _further(source: str, url: str) -> Request:
    """Keep only path and query: the next page's host may differ, and must not get the key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise VendorAnswerError(source, "the address of its next page cannot be read") from None
    query = {name: value for name, value in parse_qsl(parts.query) if name != _KEY}
    return Request("/" + parts.path.lstrip("/"), query)
