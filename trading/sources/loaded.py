"""Prices that were fetched before, as a source."""

from collections.abc import Sequence
from dataclasses import dataclass

from trading.errors import UnknownSymbolError
from trading.sources.source import Prices


@dataclass(frozen=True, slots=True)
class LoadedSource:
    """The prices of one source in memory; their digest stays that of all of them."""

    prices: Prices

    @property
    def name(self) -> str:
        """The name of the source that they come from."""
        return self.prices.provenance.source

    def available(self) -> tuple[str, ...]:
        """Return the symbols that were loaded, sorted."""
        return tuple(sorted(bars.symbol for bars in self.prices.bars))

    def load(self, symbols: Sequence[str]) -> Prices:
        """Return the bars of the symbols.

        Raises:
            UnknownSymbolError: One of them was not loaded.
        """
        loaded = {bars.symbol: bars for bars in self.prices.bars}
        for symbol in symbols:
            if symbol not in loaded:
                raise UnknownSymbolError(symbol, self.name, self.available())
        return Prices(tuple(loaded[symbol] for symbol in symbols), self.prices.provenance)
