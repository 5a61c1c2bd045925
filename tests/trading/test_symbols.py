import pytest

from trading.errors import ParameterError, SymbolError
from trading.symbol import checked_symbol, checked_symbols


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "^GSPC", "BF-B", "0700.HK"])
def test_names_as_exchanges_write_them_pass(symbol: str) -> None:
    assert checked_symbol(symbol) == symbol


@pytest.mark.parametrize(
    "symbol", ["", "aapl", "../ETC", "A/B", "A\\B", "A B", "A" * 16, "A\n", "Ä"]
)
def test_other_names_are_refused(symbol: str) -> None:
    with pytest.raises(SymbolError, match="capital letters"):
        checked_symbol(symbol)


def test_no_symbol_at_all_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least one symbol"):
        checked_symbols([])


def test_a_symbol_named_twice_is_refused() -> None:
    with pytest.raises(ParameterError, match="free of duplicates"):
        checked_symbols(["IBM", "IBM"])
