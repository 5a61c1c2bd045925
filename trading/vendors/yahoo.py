"""Yahoo Finance: charts, with holes in them, and the adjusted close apart."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from trading.errors import DataError, NoVendorBarsError, VendorAnswerError
from trading.finding import Finding, Severity
from trading.sessions import NEW_YORK, day_in_new_york
from trading.vendors.answers import decoded, refusal
from trading.vendors.vendor import Answer, Asked, Page, Request, Row

_CURE = "it takes no key, so nothing can be corrected here; ask another source"
_NOT_FOUND = 404
_YEAR_2100_S = 4_102_444_800
_Values = tuple[FiniteFloat | None, ...]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)


class _Quote(_Shape):
    open: _Values = ()
    high: _Values = ()
    low: _Values = ()
    close: _Values = ()
    volume: _Values = ()


class _Adjusted(_Shape):
    adjclose: _Values = ()


class _Indicators(_Shape):
    quote: Annotated[tuple[_Quote, ...], Field(min_length=1)]
    adjclose: Annotated[tuple[_Adjusted, ...], Field(min_length=1)] = (_Adjusted(),)


class _Meta(_Shape):
    symbol: str | None = None
    exchange_zone: Annotated[str, Field(alias="exchangeTimezoneName")] = NEW_YORK.key


class _Result(_Shape):
    meta: _Meta = _Meta()
    timestamp: tuple[Annotated[int, Field(gt=-_YEAR_2100_S, lt=_YEAR_2100_S)], ...] = ()
    indicators: _Indicators


class _Problem(_Shape):
    code: str = ""


class _Inner(_Shape):
    result: tuple[_Result, ...] | None = None
    error: _Problem | None = None


class _Chart(_Shape):
    chart: _Inner


@dataclass(frozen=True, slots=True)
class Yahoo:
    """Daily quotes; `timestamp` is the opening at 09:30 in New York, in seconds."""

    @property
    def name(self) -> str:
        """The name that results show."""
        return "yahoo"

    @property
    def adjustment(self) -> str:
        """What was done to the prices."""
        return "splits and dividends: open, high, low and close scaled by adjclose / close"

    @property
    def key_parameter(self) -> None:
        """There is no key."""
        return

    def request(self, asked: Asked) -> Request:
        """Return the only request; `period2` is excluded, so it is the midnight after."""
        query = {
            "interval": "1d",
            "period1": _midnight(asked.first),
            "period2": _midnight(asked.last + timedelta(days=1)),
        }
        return Request(f"/v8/finance/chart/{quote(asked.symbol, safe='')}", query)

    def read(self, asked: Asked, answer: Answer) -> Page:
        """Return the quotes; a day on which every value is null had none.

        Raises:
            VendorError: The answer is a refusal, or does not fit the request.
            DataError: A bar lacks a value.
        """
        if answer.status == _NOT_FOUND:
            raise NoVendorBarsError(self.name, asked.symbol)
        if error := refusal(self.name, answer, _CURE):
            raise error
        chart = decoded(self.name, _Chart, answer).chart
        if not chart.result:
            if chart.error is None or chart.error.code == "Not Found":
                raise NoVendorBarsError(self.name, asked.symbol)
            raise VendorAnswerError(self.name, "its answer holds an error instead of quotes")
        result = chart.result[0]
        _require_ours(self.name, asked, result.meta)
        return Page(_rows(self.name, asked, result))


def _midnight(day: date) -> str:
    return str(int(datetime.combine(day, time(), NEW_YORK).timestamp()))


def _require_ours(source: str, asked: Asked, meta: _Meta) -> None:
    if meta.symbol not in {None, asked.symbol}:
        raise VendorAnswerError(source, f"its answer is not about {asked.symbol}")
    if meta.exchange_zone != NEW_YORK.key:
        problem = f"{asked.symbol} is not traded in New York, whose calendar is the only one here"
        raise VendorAnswerError(source, problem)


def _rows(source: str, asked: Asked, result: _Result) -> tuple[Row, ...]:
    quotes, (adjusted, *_) = result.indicators.quote[0], result.indicators.adjclose
    prices = (quotes.open, quotes.high, quotes.low, quotes.close, quotes.volume, adjusted.adjclose)
    try:
        table = list(zip(result.timestamp, *prices, strict=True))
    except ValueError:
        raise VendorAnswerError(source, "its columns differ in length") from None
    rows = []
    for moment, *values in table:
        day = day_in_new_york(timedelta(seconds=moment))
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            rows.append(_scaled(day, *known))
        elif known:
            raise DataError([_incomplete(asked.symbol, day)])
    return tuple(rows)


def _scaled(day: date, *values: float) -> Row:
    """Scale the four prices by adjclose / close; an impossible close is left to the checks."""
    first, high, low, close, volume, adjusted = values
    factor = adjusted / close if close > 0 else 1.0
    return Row(day, first * factor, high * factor, low * factor, close * factor, volume)


def _incomplete(symbol: str, day: date) -> Finding:
    message = "the bar lacks a value"
    return Finding(symbol, str(day), "missing_value", Severity.ERROR, message)
