"""A directory with one file of prices a symbol."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trading.errors import SourceError, SymbolError, UnknownSymbolError
from trading.price_table import PriceTable
from trading.provenance import Provenance, digest_of
from trading.sources.source import Prices
from trading.symbol import checked_symbol, checked_symbols

_ADJUSTMENT = "none: prices as they stand in the files"


@dataclass(frozen=True, slots=True)
class LocalSource:
    """Files named <SYMBOL>.csv with the columns date, open, high, low, close and volume.

    Column names may be in any case and order; further columns are ignored. Prices are used as they
    stand: files should hold adjusted ones.
    """

    directory: Path

    @property
    def name(self) -> str:
        """The name that results show."""
        return "local"

    def available(self) -> tuple[str, ...]:
        """Return the symbols that have a file, sorted; files with other names are no symbols.

        Raises:
            SourceError: The directory cannot be read.
        """
        try:
            stems = [entry.stem for entry in self.directory.iterdir() if entry.suffix == ".csv"]
        except OSError as error:
            raise SourceError(self.name, f"{self.directory}: {error.strerror}") from error
        return tuple(sorted(stem for stem in stems if _is_symbol(stem)))

    def load(self, symbols: Sequence[str]) -> Prices:
        """Return bars as they stand in the files; the digest covers exactly these files.

        Raises:
            SymbolError: A symbol is not well formed.
            UnknownSymbolError: A symbol has no file.
            SourceError: The directory or a file cannot be read.
            DataError: A file is not a table of prices.
        """
        wanted = checked_symbols(symbols)
        available = self.available()
        for symbol in wanted:
            if symbol not in available:
                raise UnknownSymbolError(symbol, self.name, available)
        files = {f"{symbol}.csv": self._content(symbol) for symbol in wanted}
        bars = tuple(
            PriceTable.read(symbol, self._text(symbol, files[f"{symbol}.csv"])).bars()
            for symbol in wanted
        )
        return Prices(bars, Provenance(self.name, _ADJUSTMENT, digest_of(files)))

    def _content(self, symbol: str) -> bytes:
        try:
            return (self.directory / f"{symbol}.csv").read_bytes()
        except OSError as error:
            raise SourceError(self.name, f"{symbol}.csv: {error.strerror}") from error

    def _text(self, symbol: str, content: bytes) -> str:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SourceError(self.name, f"{symbol}.csv is not UTF-8 text") from error


def _is_symbol(stem: str) -> bool:
    try:
        checked_symbol(stem)
    except SymbolError:
        return False
    return True
