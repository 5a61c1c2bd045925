"""The rules that daily bars must keep, and those they should.

A fault that would make every later figure wrong stops the work; an oddity that may have a good
reason becomes a warning in the result.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from trading.arrays import Dates, Flags, Floats
from trading.bars import Bars
from trading.errors import DataError
from trading.finding import Finding, Severity
from trading.indicators import previous
from trading.sessions import is_session, sessions

STALE_AFTER_SESSIONS = 3
FINDINGS_PER_RULE = 20
_SPLITS = np.array([1 / 2, 1 / 3, 2 / 3, 1 / 4, 1 / 5, 1 / 7, 1 / 10, 1 / 20, 2.0, 4.0, 5.0, 10.0])
_SPLIT_TOLERANCE = 0.03


class _Rule(NamedTuple):
    name: str
    severity: Severity
    broken: Callable[[Bars], Flags]
    message: str


def _not_later(bars: Bars) -> Flags:
    return np.concatenate([[False], bars.dates[1:] < bars.dates[:-1]])


def _doubled(bars: Bars) -> Flags:
    return np.concatenate([[False], bars.dates[1:] == bars.dates[:-1]])


def _not_positive(bars: Bars) -> Flags:
    lowest: Floats = np.minimum.reduce([bars.open, bars.high, bars.low, bars.close])
    return lowest <= 0


def _outside(price: Floats, bars: Bars) -> Flags:
    return (price < bars.low) | (price > bars.high)


def looks_split(bars: Bars) -> Flags:
    """Tell for each bar whether it opens at a split's ratio to the close before it.

    A ratio counts if it is within 3 % of a common split. It is measured at the open, where a split
    acts: a collapse during news rarely opens that near to one (AAPL on 2000-09-29 opened at 0.527).
    """
    ratio = np.divide(bars.open, previous(bars.close))
    near: Flags = np.any(np.abs(ratio[:, None] / _SPLITS - 1.0) <= _SPLIT_TOLERANCE, axis=1)
    return near


_STOPPING = (
    _Rule("unordered_dates", Severity.ERROR, _not_later, "is older than the bar before it"),
    _Rule("doubled_date", Severity.ERROR, _doubled, "stands twice"),
    _Rule("price_not_positive", Severity.ERROR, _not_positive, "has a price of zero or less"),
    _Rule("negative_volume", Severity.ERROR, lambda b: b.volume < 0, "has a negative volume"),
    _Rule("high_below_low", Severity.ERROR, lambda b: b.high < b.low, "has its high below its low"),
)
_WARNING = (
    _Rule("not_a_session", Severity.WARNING, lambda b: ~is_session(b.dates), "is no NYSE session"),
    _Rule(
        "open_outside_range",
        Severity.WARNING,
        lambda b: _outside(b.open, b),
        "opens outside its range",
    ),
    _Rule(
        "close_outside_range",
        Severity.WARNING,
        lambda b: _outside(b.close, b),
        "closes outside its range",
    ),
    _Rule("zero_volume", Severity.WARNING, lambda b: b.volume == 0, "has no volume"),
    _Rule("unadjusted_split", Severity.WARNING, looks_split, "opens as after an unadjusted split"),
)


def require_usable(bars: Bars) -> None:
    """Make sure that no stopping rule is broken.

    Raises:
        DataError: A stopping rule is broken; `findings` has every broken bar.
    """
    broken = [finding for rule in _STOPPING for finding in _apply(rule, bars)]
    if broken:
        raise DataError(broken)


def require_length(bars: Bars, needed: int, purpose: str) -> None:
    """Make sure that there are enough bars.

    Raises:
        DataError: There are fewer than `needed`.
    """
    if len(bars) < needed:
        message = f"there are {len(bars)} bars, but {purpose} needs at least {needed}"
        raise DataError([Finding(bars.symbol, None, "too_few_bars", Severity.ERROR, message)])


def warnings_about(bars: Bars, last: np.datetime64) -> list[Finding]:
    """Return the warnings about usable bars; `last` is the last day of all the data."""
    found = [finding for rule in _WARNING for finding in _apply(rule, bars)]
    return [*_missing_sessions(bars), *found, *_stale(bars, last)]


def late_start(bars: Bars, first: np.datetime64) -> list[Finding]:
    """Return a warning if the bars begin well after the first day asked for."""
    missed = len(sessions(first, bars.dates[0])) - 1
    if missed <= STALE_AFTER_SESSIONS:
        return []
    message = f"the series begins {missed} sessions after the first day asked for ({first})"
    return [Finding(bars.symbol, str(bars.dates[0]), "late_start", Severity.WARNING, message)]


def _apply(rule: _Rule, bars: Bars) -> Iterable[Finding]:
    days = bars.dates[rule.broken(bars)]
    for day in days[:FINDINGS_PER_RULE]:
        message = f"the bar {rule.message}"
        yield Finding(bars.symbol, str(day), rule.name, rule.severity, message)
    if len(days) > FINDINGS_PER_RULE:
        rest = f"{len(days) - FINDINGS_PER_RULE} further bars break this rule"
        yield Finding(bars.symbol, None, rule.name, rule.severity, rest)


def _missing_sessions(bars: Bars) -> Iterable[Finding]:
    """Yield one finding for each hole, however many sessions wide."""
    due = sessions(bars.dates[0], bars.dates[-1])
    missing = np.flatnonzero(~np.isin(due, bars.dates))
    for hole in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
        if len(hole):
            yield _gap(bars.symbol, due[hole])


def _gap(symbol: str, days: Dates) -> Finding:
    message = f"{len(days)} session(s) without a bar, {days[0]} to {days[-1]}"
    return Finding(symbol, str(days[0]), "missing_session", Severity.WARNING, message)


def _stale(bars: Bars, last: np.datetime64) -> Iterable[Finding]:
    behind = len(sessions(bars.dates[-1], last)) - 1
    if behind > STALE_AFTER_SESSIONS:
        message = f"the series ends {behind} sessions before the others ({last})"
        yield Finding(bars.symbol, str(bars.dates[-1]), "stale_series", Severity.WARNING, message)
