"""Bars kept on disk are exactly those that were fetched, or as good as absent."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from actors.market.cache import Cache, Kept
from tests.trading.price_series import make_bars
from trading.bars import Bars
from trading.price_table import text_of
from trading.vendors import VENDORS
from trading.vendors.vendor import Asked

NOON = datetime(2025, 9, 12, 12, 0, tzinfo=UTC)
POLYGON, YAHOO = VENDORS["polygon"], VENDORS["yahoo"]
ASKED = Asked("BRK.B", date(2010, 1, 4), date(2010, 2, 1))
BARS = make_bars([1 / 3, 10.1, 1e-7, 12345678.9], "BRK.B")
COLUMNS = ("dates", "open", "high", "low", "close", "volume")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "market")


def only_file(cache: Cache) -> Path:
    (file,) = cache.directory.iterdir()
    return file


def same(one: Bars, other: Bars) -> bool:
    return all((getattr(one, name) == getattr(other, name)).all() for name in COLUMNS)


def test_bars_come_back_digit_for_digit(cache: Cache) -> None:
    assert cache.get(POLYGON, ASKED, NOON) is None
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    found = cache.get(POLYGON, ASKED, NOON)
    assert found is not None
    assert same(found.bars, BARS)
    assert (found.bars.symbol, found.fetched_at) == ("BRK.B", NOON)


def test_a_file_says_what_is_in_it(cache: Cache) -> None:
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    _, head, text = only_file(cache).read_text().split("\n", 2)
    assert head == (
        '{"source": "polygon", "adjustment": "splits: open, high, low, close and volume",'
        ' "symbol": "BRK.B", "first": "2010-01-04", "last": "2010-02-01",'
        ' "fetched_at": "2025-09-12T12:00:00+00:00"}'
    )
    assert text == text_of(BARS)


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, symbol="BRK.A"),
        replace(ASKED, first=date(2010, 1, 5)),
        replace(ASKED, last=date(2010, 2, 2)),
    ],
)
def test_another_question_has_another_file(cache: Cache, asked: Asked) -> None:
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    assert cache.get(POLYGON, asked, NOON) is None
    assert cache.get(YAHOO, ASKED, NOON) is None


def test_a_file_under_anothers_name_is_not_believed(cache: Cache) -> None:
    cache.put(YAHOO, ASKED, Kept(BARS, NOON))
    theirs = only_file(cache)
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    (ours,) = set(cache.directory.iterdir()) - {theirs}
    theirs.replace(ours)
    assert cache.get(POLYGON, ASKED, NOON) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-9],
        lambda content: content.replace(b"10.1", b"10.2"),
        lambda content: content.replace(b"BRK.B", b"BRK.A"),
        lambda content: b"\xff" + content,
        lambda _: b"\0" * 5_000,
    ],
)
def test_a_damaged_file_is_as_good_as_absent_and_is_replaced(cache: Cache, damage: object) -> None:
    assert callable(damage)
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    file = only_file(cache)
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get(POLYGON, ASKED, NOON) is None
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    assert cache.get(POLYGON, ASKED, NOON) is not None


@pytest.mark.parametrize(
    ("later", "there"),
    [(timedelta(hours=23), True), (timedelta(days=1), False), (-timedelta(seconds=1), False)],
)
def test_bars_are_kept_for_a_day(cache: Cache, later: timedelta, there: bool) -> None:  # noqa: FBT001
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    assert (cache.get(POLYGON, ASKED, NOON + later) is not None) is there


def test_the_oldest_files_go_first_and_others_are_left_alone(cache: Cache) -> None:
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    size = only_file(cache).stat().st_size
    foreign = cache.directory / "letter.txt"
    foreign.write_bytes(b"x" * 10 * size)
    left_behind = cache.directory / "polygon_half.bars_written"
    left_behind.write_bytes(b"x" * size)
    os.utime(left_behind, (1, 1))
    bounded = replace(cache, most_bytes=int(2.5 * size))
    for month in (3, 4, 5):
        asked = replace(ASKED, last=date(2010, month, 1))
        bounded.put(POLYGON, asked, Kept(BARS, NOON))
        for at, file in enumerate(sorted(cache.directory.glob("*.bars"))):
            os.utime(file, (1_000 + at, 1_000 + at))
    assert not left_behind.exists()
    assert foreign.exists()
    assert bounded.get(POLYGON, replace(ASKED, last=date(2010, 3, 1)), NOON) is None
    for month in (4, 5):
        assert bounded.get(POLYGON, replace(ASKED, last=date(2010, month, 1)), NOON) is not None


def test_a_cache_of_no_size_keeps_nothing(cache: Cache) -> None:
    replace(cache, most_bytes=0).put(POLYGON, ASKED, Kept(BARS, NOON))
    assert list(cache.directory.iterdir()) == []


def test_a_place_that_takes_no_file_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "market")
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    assert "bars of BRK.B are not kept" in caplog.text
    assert cache.get(POLYGON, ASKED, NOON) is None


def test_a_file_that_cannot_take_its_place_leaves_nothing_behind(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    file = only_file(cache)
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    cache.put(POLYGON, ASKED, Kept(BARS, NOON))
    assert "are not kept" in caplog.text
    assert only_file(cache) == file
