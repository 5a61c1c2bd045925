"""A scan scores every symbol on its latest bar, and says why there are no candidates."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.trading.price_series import make_bars
from trading.bars import Bars
from trading.errors import DataError
from trading.provenance import Provenance
from trading.scan import Scan, scan
from trading.sources.embedded import EmbeddedSource
from trading.sources.source import Prices
from trading.strategies.hybrid_v1 import hybrid_v1
from trading.strategies.legacy_v0 import legacy_v0

MADE = Provenance("made", "none", "0" * 64)


def until(embedded: EmbeddedSource, day: str, *symbols: str) -> Prices:
    """The embedded prices as they were on a day."""
    prices = embedded.load(symbols)
    last = np.datetime64(day)
    cut = tuple(bars.rows(bars.dates <= last, bars.symbol) for bars in prices.bars)
    return Prices(cut, prices.provenance)


def made(*bars: Bars) -> Prices:
    return Prices(bars, MADE)


def test_on_the_last_day_nothing_passes_and_the_scan_says_so(embedded: EmbeddedSource) -> None:
    found = scan(hybrid_v1(), embedded.load(embedded.available())).as_json()
    assert found["candidates"] == []
    assert found["reason"].startswith("none of 5 symbols passes every gate of hybrid_v1")
    assert (found["scanned"], found["as_of"], found["source"]) == (5, "2013-03-01", "embedded")
    scores = [each["score"] for each in found["others"]]
    assert scores == sorted(scores, reverse=True)
    assert all(each["failed"] for each in found["others"])
    json.dumps(found, allow_nan=False)


def test_a_day_on_which_the_gates_pass_has_a_candidate(embedded: EmbeddedSource) -> None:
    found = scan(hybrid_v1(), until(embedded, "2001-04-19", "IBM", "AAPL"))
    (candidate,) = found.as_json()["candidates"]
    assert (candidate["symbol"], candidate["date"]) == ("AAPL", "2001-04-19")
    assert candidate["raw"] == pytest.approx(0.45 * candidate["score"])
    assert not candidate["trade_ready"]
    assert not candidate["watched"], "54 is the best that the embedded data have"
    assert found.as_json()["reason"] is None
    assert found.as_json()["components_available"] == ["volume_momentum", "technical"]


def test_a_candidate_is_watched_from_its_strategys_lower_score(embedded: EmbeddedSource) -> None:
    prices = until(embedded, "2001-04-19", "AAPL")
    strict = hybrid_v1()
    easy = replace(strict, watchlist_score=10.0, published={**strict.published})
    ready = replace(easy, published={**strict.published, "entry_threshold": 10.0})
    assert [flags(scan(each, prices)) for each in (strict, easy, ready)] == [
        (False, False),
        (True, False),
        (True, True),
    ]


def flags(found: Scan) -> tuple[bool, bool]:
    return found.scored[0].watched, found.scored[0].trade_ready


def test_every_candidate_of_the_legacy_strategy_is_ready(embedded: EmbeddedSource) -> None:
    prices = embedded.load(["AAPL"])
    days = [str(day) for day in prices.bars[0].dates[100:400]]
    found = [scan(legacy_v0(), until(embedded, day, "AAPL")).scored[0] for day in days]
    candidates = [each for each in found if each.candidate]
    assert candidates
    assert all(each.trade_ready and not each.watched for each in candidates)


def test_a_symbol_with_broken_prices_is_left_out_with_the_reason() -> None:
    good = make_bars([100.0] * 120, "GOOD")
    broken = replace(make_bars([50.0] * 120, "BAD"), volume=np.full(120, -1.0))
    short = make_bars([50.0] * 30, "NEW")
    found = scan(legacy_v0(), made(good, broken, short)).as_json()
    assert [each["symbol"] for each in found["others"]] == ["GOOD"]
    rules = {each["symbol"]: each["rule"] for each in found["refused"]}
    assert rules == {"BAD": "negative_volume", "NEW": "too_few_bars"}


def test_a_price_that_never_moves_has_no_score() -> None:
    still = replace(make_bars([100.0] * 120, "STILL"), volume=np.zeros(120))
    (scored,) = scan(legacy_v0(), made(still)).scored
    assert (scored.raw, scored.score, scored.candidate) == (None, None, False)
    assert scored.failed


def test_a_series_that_ends_early_is_warned_of() -> None:
    old = make_bars([100.0] * 120, "OLD")
    new = make_bars([100.0] * 160, "NEW")
    rules = {(each.symbol, each.rule) for each in scan(legacy_v0(), made(old, new)).warnings}
    assert ("OLD", "stale_series") in rules


def test_where_nothing_can_be_scored_the_scan_fails() -> None:
    with pytest.raises(DataError, match=r"NEW: there are 30 bars, but a scan needs at least 80"):
        scan(legacy_v0(), made(make_bars([50.0] * 30, "NEW")))
