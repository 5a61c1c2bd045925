"""Prices from the wanted source or a fallback: checked, of one source, and told where from."""

from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from actors import app
from actors.market.enquiry import ask
from actors.market.feed import Wanted, fetch_bars
from actors.market.market import Market
from orchestration.context import Shared
from orchestration.ports import Store
from orchestration.runtime.staging import SharedValues
from tests.actors.markets import make_market
from tests.actors.stub_vendors import Reply, StubVendors, price
from tests.clock import FakeClock
from tests.engine.fleet import Fleet
from trading.dataset import prepare
from trading.errors import (
    NoSourceError,
    ParameterError,
    SymbolError,
    UnknownSymbolError,
    VendorKeyError,
    VendorLimitError,
)
from trading.period import Period
from trading.sources.loaded import LoadedSource
from trading.vendors.vendor import Asked

FIRST, LAST = date(2025, 7, 1), date(2025, 9, 11)
WANTED = Wanted(("IBM", "MSFT"), FIRST, LAST)
BARS = 51
POLYGON, YAHOO, ALPHA_VANTAGE = "polygon", "yahoo", "alpha_vantage"


def broken(**changes: float) -> Reply:
    """One bar of polygon's with a value that stops the work."""
    bar = {"t": 1_756_785_600_000, "o": 2, "h": 3, "l": 1, "c": 2, "v": 9, **changes}
    return Reply(body={"status": "OK", "results": [bar]})


def test_the_primary_source_serves_and_nobody_else_is_asked(
    market: Market, stub: StubVendors
) -> None:
    heard: list[tuple[float, str]] = []
    fetched = fetch_bars(market, WANTED, POLYGON, [YAHOO], lambda *told: heard.append(told))
    assert (fetched.requested, fetched.used, fetched.reason) == (POLYGON, POLYGON, None)
    assert [len(bars) for bars in fetched.prices.bars] == [BARS, BARS]
    assert fetched.findings == ()
    assert stub.asked(YAHOO) == []
    assert heard == [
        (0.0, "fetching 2 symbols from polygon"),
        (0.25, f"IBM: {BARS} bars from polygon"),
        (0.5, "MSFT: 51 bars from polygon"),
    ]


def test_the_result_says_what_stands_in_it(market: Market, clock: FakeClock) -> None:
    told = fetch_bars(market, WANTED, YAHOO).as_json()
    assert told.pop("sha256") == fetch_bars(market, WANTED, YAHOO).prices.provenance.sha256
    assert told == {
        "requested": "yahoo",
        "used": "yahoo",
        "reason": None,
        "adjustment": "splits and dividends: open, high, low and close scaled by adjclose / close",
        "fetched_at": clock.now().isoformat(),
        "symbols": {
            symbol: {"bars": BARS, "first_bar": "2025-07-01", "last_bar": "2025-09-11"}
            for symbol in ("IBM", "MSFT")
        },
        "findings": [],
    }


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(401), "it refuses us (401): check POLYGON_API_KEY"),
        (Reply(403, {"status": "NOT_AUTHORIZED"}), "it refuses us (403)"),
        (Reply(429), "too many requests (429); ask again in 60 s"),
        (Reply(500), "it failed by itself (500)"),
        (Reply(200, b"<html>"), "a page for people"),
        (Reply(200, b"", cut=True), "the connection broke off"),
        (Reply(200, {"status": "OK"}), "it has no bars of IBM in the asked days"),
        (broken(c=-1), "IBM 2025-09-02: the bar has a price of zero or less"),
        (broken(h=0.5), "high below its low"),
        (broken(t=1e18), "another shape than agreed: 'results.0.t'"),
    ],
)
def test_whatever_kills_the_primary_the_fallback_is_used_and_the_result_says_so(
    market: Market, stub: StubVendors, reply: Reply, reason: str
) -> None:
    stub.always[POLYGON] = reply
    fetched = fetch_bars(market, WANTED, POLYGON, [YAHOO])
    told = fetched.as_json()
    assert (told["requested"], told["used"]) == (POLYGON, YAHOO)
    assert told["reason"].startswith("polygon: ")
    assert reason in told["reason"]
    assert fetched.prices.provenance.source == YAHOO


def test_a_missing_key_fails_the_primary_visibly(
    stub: StubVendors,
    clock: FakeClock,
    tmp_path: Path,
    shared: Shared,
    caplog: pytest.LogCaptureFixture,
) -> None:
    market = make_market(stub, clock, tmp_path, shared, POLYGON_API_KEY="")
    fetched = fetch_bars(market, WANTED, POLYGON, [YAHOO])
    assert fetched.used == YAHOO
    assert fetched.reason == "polygon: POLYGON_API_KEY is not set"
    assert isinstance(fetched.failures[POLYGON], VendorKeyError)
    assert "polygon does not serve: POLYGON_API_KEY is not set" in caplog.text


def test_a_source_that_dies_half_way_gives_no_symbol_at_all(
    market: Market, stub: StubVendors
) -> None:
    whole = ask(market, POLYGON, Asked("IBM", FIRST, LAST))
    stub.requests.clear()
    day = {"t": 1_751_342_400_000, "o": 2, "h": 3, "l": 1, "c": 2, "v": 9}
    stub.replies.append(Reply(body={"status": "OK", "results": [day]}))
    stub.replies.append(Reply(403))
    fetched = fetch_bars(market, WANTED, POLYGON, [YAHOO])
    assert len(stub.asked(POLYGON)) == 2
    for bars in fetched.prices.bars:
        assert len(bars) == BARS
        assert (bars.close * 2 == whole.close).all()  # the stub's yahoo halves its adjclose


def test_the_order_of_the_fallbacks_is_kept(market: Market, stub: StubVendors) -> None:
    stub.always[YAHOO] = Reply(500)
    fetched = fetch_bars(market, WANTED, YAHOO, [ALPHA_VANTAGE, POLYGON])
    assert (fetched.used, list(fetched.failures)) == (ALPHA_VANTAGE, [YAHOO])
    assert stub.asked(POLYGON) == []


def test_the_free_plan_of_alpha_vantage_cannot_serve_half_a_year(market: Market) -> None:
    wanted = Wanted(("IBM",), date(2025, 3, 3), LAST)
    with pytest.raises(NoSourceError, match="6M are about 126 rows"):
        fetch_bars(market, wanted, ALPHA_VANTAGE)


def test_when_all_are_dead_each_ones_reason_is_told(market: Market, stub: StubVendors) -> None:
    stub.always = {POLYGON: Reply(401), YAHOO: Reply(500), ALPHA_VANTAGE: Reply(200, {"Note": ""})}
    with pytest.raises(NoSourceError, match="no source has the prices of IBM, MSFT") as error:
        fetch_bars(market, WANTED, POLYGON, [YAHOO, ALPHA_VANTAGE])
    assert list(error.value.reasons) == [POLYGON, YAHOO, ALPHA_VANTAGE]
    assert error.value.reasons[YAHOO] == "it failed by itself (500)"
    assert all(f"{name}: {told}" in str(error.value) for name, told in error.value.reasons.items())


def test_too_few_bars_are_as_good_as_none(market: Market, stub: StubVendors) -> None:
    stub.always[POLYGON] = broken()
    wanted = Wanted(("IBM",), FIRST, LAST, least=40)
    fetched = fetch_bars(market, wanted, POLYGON, [YAHOO])
    assert "there are 1 bars, but the stretch from 2025-07-01" in str(fetched.reason)


def test_what_is_odd_travels_along(market: Market, stub: StubVendors) -> None:
    stub.always[POLYGON] = broken(v=0)
    fetched = fetch_bars(market, Wanted(("IBM",), FIRST, LAST), POLYGON)
    assert [finding.rule for finding in fetched.findings] == [
        "late_start",
        "zero_volume",
        "stale_series",
    ]
    assert "begins 43 sessions after the first day asked for (2025-07-01)" in (
        fetched.findings[0].message
    )


@pytest.mark.parametrize(
    ("wanted", "names", "kind"),
    [
        (Wanted((), FIRST, LAST), [POLYGON], ParameterError),
        (Wanted(("../IBM",), FIRST, LAST), [POLYGON], SymbolError),
        (Wanted(("IBM",), LAST, FIRST), [POLYGON], ParameterError),
        (WANTED, [POLYGON, "embedded"], ParameterError),
    ],
)
def test_a_wrong_question_is_refused_before_anybody_is_asked(
    market: Market, stub: StubVendors, wanted: Wanted, names: list[str], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        fetch_bars(market, wanted, names[0], names[1:])
    assert stub.requests == []


def test_what_was_fetched_is_kept_and_not_asked_for_again(
    market: Market, stub: StubVendors, clock: FakeClock
) -> None:
    first = fetch_bars(market, WANTED, YAHOO)
    clock.advance(timedelta(hours=1))
    again = fetch_bars(market, WANTED, YAHOO)
    assert len(stub.requests) == 2
    assert again.as_json() == first.as_json()
    clock.advance(timedelta(hours=23))
    fetch_bars(market, WANTED, YAHOO)
    assert len(stub.requests) == 4


def test_bars_that_break_a_rule_are_not_kept(market: Market, stub: StubVendors) -> None:
    stub.always[POLYGON] = broken(c=0)
    for _ in range(2):
        with pytest.raises(NoSourceError):
            fetch_bars(market, Wanted(("IBM",), FIRST, LAST), POLYGON)
    assert len(stub.requests) == 2


def test_what_one_source_gave_never_stands_in_for_another(
    market: Market, stub: StubVendors
) -> None:
    fetch_bars(market, WANTED, YAHOO)
    polygon = fetch_bars(market, WANTED, POLYGON)
    assert len(stub.asked(POLYGON)) == 2
    assert polygon.prices.bars[0].close[0] == price(FIRST)
    assert polygon.prices.provenance.adjustment.startswith("splits:")


def test_fetched_prices_make_a_dataset(market: Market) -> None:
    wanted = Wanted(("IBM", "MSFT", "SPY"), date(2024, 7, 1), LAST)
    fetched = fetch_bars(market, wanted, POLYGON)
    source = LoadedSource(fetched.prices)
    dataset = prepare(source, ["IBM", "MSFT"], "SPY", Period.parse("6M"))
    assert dataset.as_json()["source"] == POLYGON
    assert dataset.provenance == fetched.prices.provenance
    assert dataset.benchmark is not None
    with pytest.raises(UnknownSymbolError, match="polygon, which has IBM, MSFT, SPY"):
        source.load(["AAPL"])


def test_all_processes_share_one_budget(
    store: Store, stub: StubVendors, clock: FakeClock, tmp_path: Path
) -> None:
    fleet = Fleet(store, clock, app)
    outcomes: list[str] = []

    def run(name: str) -> None:
        shared: Any = SharedValues(fleet.engine(name))
        market = make_market(stub, clock, tmp_path, shared, POLYGON_RATE="5/day")
        for _ in range(3):
            try:
                ask(market, POLYGON, Asked("IBM", FIRST, LAST))
                outcomes.append("served")
            except VendorLimitError:
                outcomes.append("refused")

    threads = [Thread(target=run, args=(f"process {at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["served"] * 5
    assert len(stub.requests) == 5
