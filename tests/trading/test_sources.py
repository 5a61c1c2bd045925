import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.trading.price_series import make_bars, write_csv
from trading.errors import (
    DataError,
    ProvenanceError,
    SourceError,
    SymbolError,
    UnknownSymbolError,
)
from trading.sources.embedded import EMBEDDED_FILE, EMBEDDED_SHA256, EmbeddedSource
from trading.sources.local import LocalSource


def test_the_embedded_file_has_the_bars_its_provenance_names(embedded: EmbeddedSource) -> None:
    prices = embedded.load(["AAPL", "IBM", "MSFT", "GOOG", "FB"])
    assert [len(bars) for bars in prices.bars] == [3270, 3270, 3270, 2148, 196]
    assert prices.provenance.sha256 == EMBEDDED_SHA256
    assert hashlib.sha256(EMBEDDED_FILE.read_bytes()).hexdigest() == EMBEDDED_SHA256


def test_embedded_prices_are_adjusted(embedded: EmbeddedSource) -> None:
    (apple,) = embedded.load(["AAPL"]).bars
    assert apple.close[0] == pytest.approx(4.186662803811)
    assert apple.volume[0] == 9616100
    assert np.all(apple.low <= np.minimum(apple.open, apple.close))
    assert np.all(apple.high >= np.maximum(apple.open, apple.close))


def test_an_unknown_symbol_names_the_available_ones(embedded: EmbeddedSource) -> None:
    with pytest.raises(UnknownSymbolError, match="has AAPL, FB, GOOG, IBM, MSFT") as error:
        embedded.load(["AAPL", "SPY"])
    assert error.value.symbol == "SPY"


def test_an_altered_embedded_file_is_refused(tmp_path: Path) -> None:
    altered = tmp_path / "stocks.csv.gz"
    altered.write_bytes(b"other")
    with pytest.raises(SourceError, match="was altered; install the package again"):
        EmbeddedSource(altered).available()


def test_a_missing_embedded_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="install the package again"):
        EmbeddedSource(tmp_path / "none").available()


def test_a_directory_of_files_is_a_source(tmp_path: Path) -> None:
    bars = make_bars([1.5, 2.5, 3.5])
    source = LocalSource(write_csv(tmp_path, bars))
    (source.directory / "notes.csv").write_text("not prices")
    (source.directory / "README").write_text("not a table")
    assert source.available() == ("TEST",)
    prices = source.load(["TEST"])
    assert np.array_equal(prices.bars[0].close, bars.close)
    assert np.array_equal(prices.bars[0].dates, bars.dates)
    assert (source.name, prices.provenance.source) == ("local", "local")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    source = LocalSource(
        write_csv(tmp_path, make_bars([1.0, 2.0]), lambda rows: ["\ufeff" + rows[0], *rows[1:]])
    )
    assert len(source.load(["TEST"]).bars[0]) == 2


def test_the_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    directory = write_csv(tmp_path, make_bars([1.0, 2.0], "B"))
    write_csv(tmp_path, make_bars([3.0, 4.0], "A"))
    listing = "".join(
        f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("A.csv", "B.csv")
    )
    provenance = LocalSource(directory).load(["B", "A"]).provenance
    assert provenance.sha256 == hashlib.sha256(listing.encode()).hexdigest()


def test_changed_prices_are_refused_later(tmp_path: Path) -> None:
    source = LocalSource(write_csv(tmp_path, make_bars([1.0, 2.0])))
    before = source.load(["TEST"]).provenance
    before.require(before.sha256)
    write_csv(tmp_path, make_bars([1.0, 2.1]))
    after = source.load(["TEST"]).provenance
    with pytest.raises(ProvenanceError, match="start a new run") as error:
        after.require(before.sha256)
    assert (error.value.expected, error.value.found) == (before.sha256, after.sha256)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere: No such file"):
        LocalSource(tmp_path / "nowhere").available()


def test_an_empty_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbolError, match="which has no symbol at all"):
        LocalSource(tmp_path).load(["IBM"])


def test_a_long_listing_is_cut(tmp_path: Path) -> None:
    for at in range(15):
        (tmp_path / f"S{at:02}.csv").write_text("")
    with pytest.raises(UnknownSymbolError, match="S11 and 3 more"):
        LocalSource(tmp_path).load(["IBM"])


def test_no_name_leads_out_of_the_directory(tmp_path: Path) -> None:
    with pytest.raises(SymbolError):
        LocalSource(tmp_path).load(["../IBM"])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "IBM.csv").mkdir()
    with pytest.raises(SourceError, match=r"IBM\.csv: Is a directory"):
        LocalSource(tmp_path).load(["IBM"])


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "IBM.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"IBM\.csv is not UTF-8 text"):
        LocalSource(tmp_path).load(["IBM"])


def test_a_file_without_a_header_is_named(tmp_path: Path) -> None:
    (tmp_path / "IBM.csv").write_text("")
    with pytest.raises(DataError, match=r"^IBM: .*missing_column"):
        LocalSource(tmp_path).load(["IBM"])
