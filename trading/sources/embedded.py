"""The prices that come with the package, for validation and demonstration."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from trading.bars import Bars
from trading.errors import SourceError, UnknownSymbolError
from trading.price_table import BAR_COLUMNS, PriceTable
from trading.provenance import Provenance
from trading.sources.source import Prices

EMBEDDED_SHA256 = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"
EMBEDDED_FILE = Path(__file__).parent.parent / "data" / "stocks.csv.gz"
_ADJUSTMENT = "open, high, low and close scaled by Adj Close / Close; volume as traded"


@dataclass(frozen=True, slots=True)
class EmbeddedSource:
    """AAPL, IBM, MSFT (2000-2013), GOOG (from 2004) and FB (from 2012); see data/PROVENANCE.md."""

    file: Path = EMBEDDED_FILE

    @property
    def name(self) -> str:
        """The name that results show."""
        return "embedded"

    def available(self) -> tuple[str, ...]:
        """Return the symbols it has, sorted.

        Raises:
            SourceError: The file is missing or is not the packaged one.
        """
        return _tickers(_intact_text(self.file))

    def load(self, symbols: Sequence[str]) -> Prices:
        """Return adjusted bars; the digest is that of the packaged file.

        Raises:
            UnknownSymbolError: A symbol is not one of the five.
            SourceError: The file is missing or is not the packaged one.
        """
        history = _history(self.file)
        for symbol in symbols:
            if symbol not in history:
                raise UnknownSymbolError(symbol, self.name, self.available())
        provenance = Provenance(self.name, _ADJUSTMENT, EMBEDDED_SHA256)
        return Prices(tuple(history[symbol] for symbol in symbols), provenance)


@lru_cache(maxsize=2)
def _history(file: Path) -> Mapping[str, Bars]:
    text = _intact_text(file)
    table = PriceTable.read("embedded", text, ("ticker", *BAR_COLUMNS, "adj close"))
    everything = table.bars()
    adjusted = everything.scaled(table.numbers("adj close") / everything.close)
    ticker = np.array(table.cells["ticker"])
    return {symbol: adjusted.rows(ticker == symbol, symbol) for symbol in _tickers(text)}


def _tickers(text: str) -> tuple[str, ...]:
    """Return the symbols of the packaged file, sorted, without reading their prices."""
    return tuple(sorted({line.partition(",")[0] for line in text.splitlines()[1:]}))


def _intact_text(file: Path) -> str:
    try:
        packed = file.read_bytes()
    except OSError as error:
        raise SourceError("embedded", f"{error.strerror}; install the package again") from error
    if hashlib.sha256(packed).hexdigest() != EMBEDDED_SHA256:
        raise SourceError("embedded", "its file was altered; install the package again")
    return gzip.decompress(packed).decode()
