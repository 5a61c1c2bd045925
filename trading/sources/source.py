"""What every source of prices offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trading.bars import Bars
from trading.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Prices:
    """The whole history of the asked symbols, in the order asked, and where it comes from."""

    bars: tuple[Bars, ...]
    provenance: Provenance


class Source(Protocol):
    """A place that has daily bars; it never fills holes and never asks another place."""

    @property
    def name(self) -> str:
        """The name that results show."""
        ...

    def available(self) -> tuple[str, ...]:
        """Return the symbols it has, sorted.

        Raises:
            SourceError: The place cannot be read.
        """
        ...

    def load(self, symbols: Sequence[str]) -> Prices:
        """Return the bars of the symbols, parsed but not checked.

        Raises:
            UnknownSymbolError: One of them is not there.
            SourceError: The place cannot be read.
            DataError: A table cannot be parsed.
        """
        ...
