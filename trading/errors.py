"""Every error this package raises on purpose; each says what to do next."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from trading.finding import Finding

_NAMES_SHOWN = 12


class TradingError(Exception):
    """The root: catch it to catch whatever this package refuses, and nothing else."""


class ParameterError(TradingError, ValueError):
    """A number or name given by the caller is out of its bounds: correct it, then start again."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} is {value!r}, but must be {expected}")
        self.name = name
        self.value = value
        self.expected = expected


class PeriodError(ParameterError):
    """A period is not a count and a unit: write it like 6M, 1Y, 90D or 4W."""

    def __init__(self, text: str) -> None:
        super().__init__(
            "period", text, "a count of 1 to 9999 and a unit of D, W, M or Y, such as 6M, 1Y or 90D"
        )


class SymbolError(ParameterError):
    """A symbol is not written as exchanges write them: correct it."""

    def __init__(self, symbol: object) -> None:
        super().__init__(
            "symbol", symbol, "1 to 15 capital letters, digits, dots, carets or hyphens"
        )


class UnknownStrategyError(ParameterError):
    """No strategy has this name: choose a known one."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.known = tuple(sorted(known))
        super().__init__("strategy", name, f"one of {', '.join(self.known)}")


class UnknownSymbolError(TradingError):
    """The source has no prices for a symbol: choose an available one, or add its file."""

    def __init__(self, symbol: str, source: str, available: Sequence[str]) -> None:
        shown = ", ".join(available[:_NAMES_SHOWN]) or "no symbol at all"
        rest = len(available) - _NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        super().__init__(f"{symbol} is not in the source {source}, which has {shown}{more}")
        self.symbol = symbol
        self.source = source
        self.available = tuple(available)


class SourceError(TradingError):
    """A source of prices cannot be read at all: the message names the place to look at."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"the source {source} cannot be read: {problem}")
        self.source = source
        self.problem = problem


class VendorError(SourceError):
    """A vendor of prices did not serve them: ask again where the kind says so, or ask another.

    No word of the vendor's own stands in the message: vendors repeat the key in some of them.
    """


class VendorKeyError(VendorError):
    """The vendor wants another key, or none is set: correct the setting, then start again."""


class VendorLimitError(VendorError):
    """Too many requests: ask again after `retry_after`, or ask another vendor."""

    def __init__(self, source: str, problem: str, retry_after: timedelta) -> None:
        super().__init__(source, f"{problem}; ask again in {retry_after.total_seconds():.0f} s")
        self.retry_after = retry_after


class VendorDownError(VendorError):
    """The vendor is away or failed by itself: the same request may succeed soon."""


class VendorAnswerError(VendorError):
    """The vendor answered with something else than prices: ask another vendor, and report it."""


class VendorRangeError(VendorError):
    """The vendor's plan does not reach that far back: ask another vendor, or for fewer days."""


class NoVendorBarsError(VendorError):
    """The vendor has no bar of the symbol in these days: correct the symbol or ask another."""

    def __init__(self, source: str, symbol: str) -> None:
        super().__init__(source, f"it has no bars of {symbol} in the asked days")
        self.symbol = symbol


class NoSourceError(TradingError):
    """No source served the prices: cure one of `reasons`, which has a line a source asked."""

    def __init__(self, symbols: Sequence[str], reasons: Mapping[str, str]) -> None:
        shown = ", ".join(symbols[:_NAMES_SHOWN])
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        super().__init__(f"no source has the prices of {shown}: {told}")
        self.symbols = tuple(symbols)
        self.reasons = dict(reasons)


class DataError(TradingError):
    """The prices break a rule that stops the work: correct the data, then start again.

    `findings` holds every error found; the message shows the first one.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        place = f"{first.symbol} {first.date}" if first.date else first.symbol
        rest = len(findings) - 1
        more = f" (and {rest} more)" if rest else ""
        super().__init__(f"{place}: {first.message} [{first.rule}]{more}")
        self.findings = tuple(findings)


class ProvenanceError(TradingError):
    """The prices are not those of the earlier step: leave them alone and start a new run."""

    def __init__(self, source: str, expected: str, found: str) -> None:
        super().__init__(
            f"the prices of the source {source} changed since they were checked: "
            f"sha256 was {expected}, is {found}; start a new run on the present data"
        )
        self.source = source
        self.expected = expected
        self.found = found
