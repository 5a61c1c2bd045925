"""Answers as the vendors give them."""

import json
from datetime import date, datetime
from typing import Any

from trading.vendors import VENDORS
from trading.vendors.vendor import Answer, Asked

JULY = Asked("AAPL", date(2024, 7, 1), date(2024, 7, 31))
KEY = "KEYKEYKEYKEYKEY"
POLYGON, YAHOO, ALPHA_VANTAGE = (VENDORS[name] for name in ("polygon", "yahoo", "alpha_vantage"))
DAILY = "Time Series (Daily)"


def answer(body: Any, status: int = 200, kind: str = "application/json") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, kind, raw)


def milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def aggregate(midnight: str, close: float = 2.0) -> dict[str, Any]:
    return {"t": milliseconds(midnight), "o": 1, "h": 3, "l": 0.5, "c": close, "v": 9, "n": 1}


def aggregates(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"ticker": "AAPL", "queryCount": 1, "resultsCount": 1, "adjusted": True}
    return {**head, "results": list(results), "status": "OK", "request_id": "x", "count": 1, **more}


def chart(
    moments: list[str], adjusted: list[float | None] | None = None, **columns: list[Any]
) -> dict[str, Any]:
    stamps = [milliseconds(moment) // 1000 for moment in moments]
    count = len(stamps)
    quote: dict[str, list[Any]] = {
        "open": [1.0],
        "high": [3.0],
        "low": [0.5],
        "close": [2.0],
        "volume": [9],
    }
    given = {name: columns.get(name, values * count) for name, values in quote.items()}
    adjclose = [{"adjclose": adjusted or given["close"]}]
    meta = {"symbol": "AAPL", "currency": "USD", "exchangeTimezoneName": "America/New_York"}
    indicators = {"quote": [given], "adjclose": adjclose}
    result = {"meta": meta, "timestamp": stamps, "indicators": indicators}
    return {"chart": {"result": [result], "error": None}}


def series(days: list[str], symbol: str = "AAPL") -> dict[str, Any]:
    row = {
        "1. open": "1.0",
        "2. high": "3.0",
        "3. low": "0.5",
        "4. close": "2.0",
        "5. volume": "9",
    }
    meta = {"1. Information": "Daily Prices", "2. Symbol": symbol}
    return {"Meta Data": meta, "Time Series (Daily)": dict.fromkeys(days, row)}
