"""The names under which prices are asked for."""

import re
from collections.abc import Sequence

from trading.errors import ParameterError, SymbolError

SYMBOL_PATTERN = r"^[A-Z0-9.^-]{1,15}$"
_SYMBOL = re.compile(SYMBOL_PATTERN.removesuffix("$") + r"\Z")


def checked_symbol(text: str) -> str:
    """Return the symbol unchanged if it is well formed; no separator of a path ever is.

    Raises:
        SymbolError: The text is empty, too long, or has a character no exchange uses.
    """
    if not _SYMBOL.match(text):
        raise SymbolError(text)
    return text


def checked_symbols(symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols in their order, each well formed and each once.

    Raises:
        ParameterError: There is none, or one stands twice.
        SymbolError: One is not well formed.
    """
    if not symbols:
        raise ParameterError("symbols", list(symbols), "at least one symbol")
    if len(set(symbols)) < len(symbols):
        raise ParameterError("symbols", list(symbols), "free of duplicates")
    return tuple(checked_symbol(symbol) for symbol in symbols)
