"""A real HTTP server that speaks the shapes of the three vendors, and fails as it is told."""

import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from trading.sessions import NEW_YORK, sessions

LONGEST_HANG_S = 30.0
ELSEWHERE = "https://api.massive.com"


@dataclass(frozen=True)
class Reply:
    """One answer; `hang` sends nothing at all, `cut` breaks off in the middle."""

    status: int = 200
    body: Any = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: bool = False

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class StubVendors:
    """Serves daily bars of any symbol but NOPE, unless `replies` says otherwise for the next ones.

    `always` answers everything from a vendor, by the vendor's name, while it is there; `bar` makes
    polygon's bar of a day.
    """

    url: str = ""
    page_rows: int = 50_000
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    always: dict[str, Reply] = field(default_factory=dict)
    released: Event = field(default_factory=Event)
    bar: Callable[[date], dict[str, float]] | None = None

    def asked(self, vendor: str) -> list[dict[str, str]]:
        return [query for name, _, query in self.requests if name == vendor]

    def answer(self, target: str) -> Reply:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        name = _vendor(parts.path)
        self.requests.append((name, parts.path, query))
        if name in self.always:
            return self.always[name]
        if self.replies:
            return self.replies.popleft()
        served = {"polygon": self._polygon, "yahoo": _yahoo, "alpha_vantage": _alpha_vantage}
        return served[name](parts.path, query)

    def _polygon(self, path: str, query: Mapping[str, str]) -> Reply:
        symbol, first, last = (path.split("/")[at] for at in (4, 8, 9))
        days = _days(symbol, date.fromisoformat(first), date.fromisoformat(last))
        start = int(query.get("cursor", 0))
        shown = days[start : start + self.page_rows]
        head = {"ticker": symbol, "queryCount": len(days), "resultsCount": len(shown)}
        body = {**head, "adjusted": True, "status": "OK", "request_id": "r", "count": len(shown)}
        told = self.bar or _aggregate
        results = [{"t": _stamp(day) * 1000, **told(day)} for day in shown]
        more = {"next_url": f"{ELSEWHERE}{path}?cursor={start + self.page_rows}"}
        rest = start + self.page_rows < len(days)
        return Reply(
            body={**body, **({"results": results} if shown else {}), **(more if rest else {})}
        )


def _vendor(path: str) -> str:
    if path.startswith("/v2/aggs/"):
        return "polygon"
    return "yahoo" if path.startswith("/v8/") else "alpha_vantage"


def _days(symbol: str, first: date, last: date) -> list[date]:
    if symbol == "NOPE":
        return []
    return list(sessions(np.datetime64(first), np.datetime64(last)).astype(object))


def _stamp(day: date, opened: timedelta = timedelta(0)) -> int:
    midnight = datetime.combine(day, datetime.min.time(), NEW_YORK)
    return int((midnight.replace(tzinfo=NEW_YORK) + opened).timestamp())


def price(day: date) -> float:
    """The close of a day: it wanders a little."""
    return 100.0 + day.toordinal() % 7


def _aggregate(day: date) -> dict[str, float]:
    close = price(day)
    return {
        "o": close,
        "h": close + 1,
        "l": close - 1,
        "c": close,
        "v": 1000.0,
        "vw": close,
        "n": 5,
    }


def lively(day: date) -> dict[str, float]:
    """A bar of prices that swing, and of a volume that jumps: strategies find something."""
    number = day.toordinal()
    close = 100.0 * (1.0 + 0.12 * math.sin(number / 4.0))
    spike = 6.0 if number % 9 == 0 else 1.0
    bar = {"o": close * 0.99, "h": close * 1.03, "l": close * 0.97, "c": close, "vw": close}
    return {**bar, "v": 1000.0 * spike, "n": 5}


def flat(_: date) -> dict[str, float]:
    """A bar of prices that never move: no strategy finds anything."""
    return {**dict.fromkeys(("o", "h", "l", "c", "vw"), 100.0), "v": 1000.0, "n": 5}


def _yahoo(path: str, query: Mapping[str, str]) -> Reply:
    symbol = path.rsplit("/", 1)[-1]
    first = datetime.fromtimestamp(int(query["period1"]), NEW_YORK).date()
    after = datetime.fromtimestamp(int(query["period2"]), NEW_YORK).date()
    days = _days(symbol, first, after - timedelta(days=1))
    if not days:
        error = {"code": "Not Found", "description": "No data found"}
        return Reply(404, {"chart": {"result": None, "error": error}})
    close = [price(day) for day in days]
    quote = {"open": close, "high": [c + 1 for c in close], "low": [c - 1 for c in close]}
    quote |= {"close": close, "volume": [1000] * len(days)}
    result = {
        "meta": {"symbol": symbol, "exchangeTimezoneName": "America/New_York"},
        "timestamp": [_stamp(day, timedelta(hours=9, minutes=30)) for day in days],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [c / 2 for c in close]}]},
    }
    return Reply(body={"chart": {"result": [result], "error": None}})


def _alpha_vantage(_: str, query: Mapping[str, str]) -> Reply:
    symbol = query["symbol"]
    days = _days(symbol, date(2025, 1, 2), date(2025, 9, 11))[-100:]
    if not days:
        return Reply(body={"Error Message": "Invalid API call. Please retry."})
    if query["outputsize"] == "full":
        return Reply(body={"Information": "outputsize=full is a premium feature"})
    names = ("1. open", "2. high", "3. low", "4. close", "5. volume")
    rows = {
        str(day): dict(zip(names, map(str, (*[*_aggregate(day).values()][:4], 1000)), strict=True))
        for day in reversed(days)
    }
    return Reply(body={"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": rows})


@contextmanager
def serving() -> Iterator[StubVendors]:
    """A stub behind an address of its own, until the block ends."""
    stub = StubVendors()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = stub.answer(self.path)
            if reply.hang:
                stub.released.wait(LONGEST_HANG_S)
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.raw) + reply.cut))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that went away is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        stub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
