"""A strategy traded on a panel: long only, whole shares, one position a symbol, one purse.

A signal at a close is filled at the symbol's next open. The quantity is equity * risk_per_trade /
stop distance, capped by cash; equity is that of the close before. Entries of one day go by score,
the highest first, then by the symbols' order. What a sale brings can be spent from the next day on,
and its symbol bought again. `trading.exits` says when a position is left.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trading.account import Account
from trading.arrays import Ints
from trading.exits import find_exits
from trading.ledger import Equity, Ledger, Trade
from trading.panel import Panel
from trading.strategies.strategy import Parameters
from trading.study import Study
from trading.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class _Chances:
    """Positions that would be taken if cash allowed, one a place, in the order of trading.

    Prices include slippage, `each` also the fee of the entry.
    """

    owner: Sequence[int]
    entered: Sequence[int]
    entry_price: Sequence[float]
    each: Sequence[float]
    left: Sequence[int]
    exit_price: Sequence[float]
    stop_distance: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Position:
    """A chance that was taken: at which place it stands, and what it cost and brought."""

    at: int
    quantity: int
    cost: float
    proceeds: float


@dataclass(slots=True)
class _Purse:
    """Cash and open positions while the days go by; of each its last day and its position."""

    cash: float
    open: dict[int, tuple[int, _Position]] = field(default_factory=dict)

    def settle(self, day: int) -> None:
        """Take in the proceeds of every position left before the day."""
        for owner, (left, position) in list(self.open.items()):
            if left < day:
                self.cash += position.proceeds
                del self.open[owner]

    def equity(self, marks: Sequence[float]) -> float:
        """Cash, and what is held at one day's last known closes, a symbol each."""
        return self.cash + sum(
            position.quantity * marks[owner] for owner, (_, position) in self.open.items()
        )


def backtest(study: Study, parameters: Parameters, window: Window, account: Account) -> Ledger:
    """Trade the strategy over the window and return its trades and its equity day by day."""
    panel = study.panel
    chances = _chances(study, parameters, window, account)
    positions = _trade(chances, panel, account)
    return Ledger(
        tuple(_as_trade(chances, position, panel) for position in positions),
        _curve(chances, positions, panel, window, account.capital),
    )


def _chances(study: Study, parameters: Parameters, window: Window, account: Account) -> _Chances:
    """Find every signal that has a next open in the window, in the order of trading."""
    panel = study.panel
    signal = np.flatnonzero(study.signals(parameters) & (study.stop_range > 0))
    signal = signal[signal + 1 < panel.end[signal]]
    entered = panel.day[signal + 1]
    signal = signal[(entered >= window.first) & (entered <= window.last)]
    order = np.lexsort((panel.owner[signal], -study.score[signal], panel.day[signal + 1]))
    signal = signal[order]
    entry = signal + 1
    distance = parameters["stop_multiple"] * study.stop_range[signal]
    last = _last_rows(panel, window)[panel.owner[entry]]
    stop = panel.open[entry] - distance
    exits = find_exits(panel, entry, stop, int(parameters["holding_bars"]), last)
    price = panel.open[entry] * (1.0 + account.slippage)
    return _Chances(
        owner=panel.owner[entry].tolist(),
        entered=panel.day[entry].tolist(),
        entry_price=price.tolist(),
        each=(price * (1.0 + account.fee)).tolist(),
        left=panel.day[exits.row].tolist(),
        exit_price=(exits.price * (1.0 - account.slippage)).tolist(),
        stop_distance=distance.tolist(),
    )


def _last_rows(panel: Panel, window: Window) -> Ints:
    """Return each symbol's last row in the window; a symbol without one has no entry to ask."""
    inside = panel.owner[panel.day <= window.last]
    lengths = np.bincount(panel.owner, minlength=len(panel.series))
    first = np.cumsum(lengths) - lengths
    last: Ints = np.maximum(first + np.bincount(inside, minlength=len(panel.series)) - 1, 0)
    return last


def _trade(chances: _Chances, panel: Panel, account: Account) -> list[_Position]:
    purse = _Purse(account.capital)
    positions: list[_Position] = []
    day, equity, kept = -1, account.capital, 1.0 - account.fee
    wanted = zip(chances.owner, chances.entered, chances.each, chances.stop_distance, strict=True)
    for at, (owner, entered, each, distance) in enumerate(wanted):
        if entered != day:
            day = entered
            purse.settle(day)
            equity = purse.equity(panel.marks[:, day - 1].tolist())
        if owner in purse.open:
            continue
        quantity = math.floor(min(equity * account.risk_per_trade / distance, purse.cash / each))
        if quantity < 1:
            continue
        proceeds = quantity * chances.exit_price[at] * kept
        position = _Position(at, quantity, quantity * each, proceeds)
        purse.cash -= position.cost
        purse.open[owner] = chances.left[at], position
        positions.append(position)
    return positions


def _as_trade(chances: _Chances, position: _Position, panel: Panel) -> Trade:
    at, quantity = position.at, position.quantity
    entry_price, exit_price = chances.entry_price[at], chances.exit_price[at]
    fees = (position.cost - quantity * entry_price) + (quantity * exit_price - position.proceeds)
    return Trade(
        symbol=panel.symbols[chances.owner[at]],
        entered=panel.dates[chances.entered[at]],
        entry_price=entry_price,
        left=panel.dates[chances.left[at]],
        exit_price=exit_price,
        quantity=quantity,
        fees=fees,
        profit=quantity * (exit_price - entry_price) - fees,
    )


def _curve(
    chances: _Chances,
    positions: Sequence[_Position],
    panel: Panel,
    window: Window,
    capital: float,
) -> tuple[Equity, ...]:
    """Add up cash and holdings, day by day in the order of trading, so that the sums are exact."""
    length = len(panel.calendar)
    entered = np.array([chances.entered[each.at] for each in positions], dtype=np.int64)
    left = np.array([chances.left[each.at] for each in positions], dtype=np.int64)
    paid = np.array([(-each.cost, each.proceeds) for each in positions]).ravel()
    flow = np.bincount(np.column_stack([entered, left]).ravel(), paid, length)
    days = left - entered
    ends = np.cumsum(days)
    day = np.repeat(entered - (ends - days), days) + np.arange(days.sum())
    owner = np.repeat([chances.owner[each.at] for each in positions], days)
    quantity = np.repeat([float(each.quantity) for each in positions], days)
    held = np.bincount(day, quantity * panel.marks[owner.astype(np.int64), day], length)
    equity = capital + np.cumsum(flow) + held
    shown = slice(window.eve, window.last + 1)
    return tuple(map(Equity, panel.dates[shown], equity[shown].tolist()))
