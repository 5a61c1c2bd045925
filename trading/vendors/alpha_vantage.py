"""Alpha Vantage: raw prices as text, newest first, and refusals that look like success."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat

from trading.errors import (
    NoVendorBarsError,
    VendorAnswerError,
    VendorError,
    VendorKeyError,
    VendorLimitError,
    VendorRangeError,
)
from trading.sessions import sessions
from trading.vendors.answers import SHORT_COOLDOWN, decoded, refusal
from trading.vendors.vendor import Answer, Asked, Page, Request, Row

_CURE = "check ALPHA_VANTAGE_API_KEY"
_FREE_ROWS = 100
_LONG_COOLDOWN = timedelta(hours=1)


class _Day(BaseModel):
    open: Annotated[FiniteFloat, Field(alias="1. open")]
    high: Annotated[FiniteFloat, Field(alias="2. high")]
    low: Annotated[FiniteFloat, Field(alias="3. low")]
    close: Annotated[FiniteFloat, Field(alias="4. close")]
    volume: Annotated[FiniteFloat, Field(alias="5. volume")]


class _Meta(BaseModel):
    symbol: Annotated[str | None, Field(alias="2. Symbol")] = None


class _Series(BaseModel):
    information: Annotated[str | None, Field(alias="Information")] = None
    note: Annotated[str | None, Field(alias="Note")] = None
    error: Annotated[str | None, Field(alias="Error Message")] = None
    meta: Annotated[_Meta, Field(alias="Meta Data")] = _Meta()
    days: Annotated[dict[date, _Day] | None, Field(alias="Time Series (Daily)")] = None


@dataclass(frozen=True, slots=True)
class AlphaVantage:
    """Daily prices as traded; the free plan serves the last 100 rows, so it cannot serve 6M."""

    @property
    def name(self) -> str:
        """The name that results show."""
        return "alpha_vantage"

    @property
    def adjustment(self) -> str:
        """What was done to the prices."""
        return "none: prices and volume as traded"

    @property
    def key_parameter(self) -> str:
        """The query parameter of the key."""
        return "apikey"

    def request(self, asked: Asked) -> Request:
        """Return the only request; all rows where the days do not fit into the last 100."""
        query = {
            "function": "TIME_SERIES_DAILY",
            "symbol": asked.symbol,
            "outputsize": "full" if _due(asked.first, asked.last) > _FREE_ROWS else "compact",
        }
        return Request("/query", query)

    def read(self, asked: Asked, answer: Answer) -> Page:
        """Return the rows, oldest first.

        Raises:
            VendorError: The answer is a refusal, in whatever form, or does not fit the request.
        """
        if error := refusal(self.name, answer, _CURE):
            raise error
        found = decoded(self.name, _Series, answer)
        if found.days is None:
            raise _refused(self.name, asked, found)
        if found.meta.symbol not in {None, asked.symbol}:
            raise VendorAnswerError(self.name, f"its answer is not about {asked.symbol}")
        days = sorted(found.days.items())
        if len(days) == _FREE_ROWS and _due(asked.first, days[0][0]) > 1:
            raise VendorRangeError(self.name, _too_far(asked))
        return Page(
            tuple(Row(day, bar.open, bar.high, bar.low, bar.close, bar.volume) for day, bar in days)
        )


def _due(first: date, last: date) -> int:
    return len(sessions(np.datetime64(first), np.datetime64(last)))


def _too_far(asked: Asked) -> str:
    return (
        f"its plan serves the last {_FREE_ROWS} rows only, which do not reach back to {asked.first}"
        " (6M are about 126 rows)"
    )


def _refused(source: str, asked: Asked, found: _Series) -> VendorError:
    """Read a refusal sent with status 200; the error does not repeat it: it may hold the key."""
    if found.error is not None:
        if "apikey" in found.error:
            return VendorKeyError(source, f"it refuses the key: {_CURE}")
        return NoVendorBarsError(source, asked.symbol)
    told = found.note or found.information
    if told is None:
        return VendorAnswerError(source, "its answer holds neither prices nor a reason")
    if "is a premium" in told:
        return VendorRangeError(source, _too_far(asked))
    if "demo" in told:
        return VendorKeyError(source, f"it takes no demonstration key for this: {_CURE}")
    short = "per second" in told or "per minute" in told
    wait = SHORT_COOLDOWN if short else _LONG_COOLDOWN
    return VendorLimitError(source, "the requests of its plan are used up", wait)
