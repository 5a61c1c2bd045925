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
from trading.arrays import Floats, Ints
from trading.exits import find_exits
from trading.ledger import Equity, Ledger, Trade
from trading.panel import Panel
from trading.strategies.strategy import Parameters
from trading.study import Study
from trading.window import Window


@dataclass(frozen=True, slots=True)
class _Chance:
    """A position that would be taken if cash allowed; prices include slippage."""

    owner: int
    entered: int
    entry_price: float
    left: int
    exit_price: float
    stop_distance: float


@dataclass(frozen=True, slots=True)
class _Position:
    chance: _Chance
    quantity: int
    cost: float
    proceeds: float


@dataclass(slots=True)
class _Purse:
    """Cash and open positions while the days go by."""

    cash: float
    open: dict[int, _Position] = field(default_factory=dict)

    def settle(self, day: int) -> None:
        """Take in the proceeds of every position left before the day."""
        for owner, position in list(self.open.items()):
            if position.chance.left < day:
                self.cash += position.proceeds
                del self.open[owner]

    def buy(self, position: _Position) -> None:
        self.cash -= position.cost
        self.open[position.chance.owner] = position

    def equity(self, marks: Floats, day: int) -> float:
        return self.cash + sum(
            position.quantity * float(marks[owner, day]) for owner, position in self.open.items()
        )


def backtest(study: Study, parameters: Parameters, window: Window, account: Account) -> Ledger:
    """Trade the strategy over the window and return its trades and its equity day by day."""
    panel = study.panel
    positions = _trade(_chances(study, parameters, window, account), panel, account)
    return Ledger(
        tuple(_as_trade(position, panel) for position in positions),
        _curve(positions, panel, window, account.capital),
    )


def _chances(
    study: Study, parameters: Parameters, window: Window, account: Account
) -> Sequence[_Chance]:
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
    columns = (
        panel.owner[entry].tolist(),
        panel.day[entry].tolist(),
        (panel.open[entry] * (1.0 + account.slippage)).tolist(),
        panel.day[exits.row].tolist(),
        (exits.price * (1.0 - account.slippage)).tolist(),
        distance.tolist(),
    )
    return [_Chance(*values) for values in zip(*columns, strict=True)]


def _last_rows(panel: Panel, window: Window) -> Ints:
    """Return each symbol's last row in the window."""
    inside = np.flatnonzero(panel.day <= window.last)
    last = np.zeros(len(panel.series), dtype=np.int64)
    np.maximum.at(last, panel.owner[inside], inside)
    return last


def _trade(chances: Sequence[_Chance], panel: Panel, account: Account) -> list[_Position]:
    purse = _Purse(account.capital)
    positions: list[_Position] = []
    day, equity = -1, account.capital
    for chance in chances:
        if chance.entered != day:
            day = chance.entered
            purse.settle(day)
            equity = purse.equity(panel.marks, day - 1)
        if chance.owner in purse.open:
            continue
        position = _enter(chance, equity, purse.cash, account)
        if position is not None:
            purse.buy(position)
            positions.append(position)
    return positions


def _enter(chance: _Chance, equity: float, cash: float, account: Account) -> _Position | None:
    each = chance.entry_price * (1.0 + account.fee)
    by_risk = equity * account.risk_per_trade / chance.stop_distance
    quantity = math.floor(min(by_risk, cash / each))
    if quantity < 1:
        return None
    proceeds = quantity * chance.exit_price * (1.0 - account.fee)
    return _Position(chance, quantity, quantity * each, proceeds)


def _as_trade(position: _Position, panel: Panel) -> Trade:
    chance, quantity = position.chance, position.quantity
    fees = (position.cost - quantity * chance.entry_price) + (
        quantity * chance.exit_price - position.proceeds
    )
    return Trade(
        symbol=panel.symbols[chance.owner],
        entered=panel.dates[chance.entered],
        entry_price=chance.entry_price,
        left=panel.dates[chance.left],
        exit_price=chance.exit_price,
        quantity=quantity,
        fees=fees,
        profit=quantity * (chance.exit_price - chance.entry_price) - fees,
    )


def _curve(
    positions: Sequence[_Position], panel: Panel, window: Window, capital: float
) -> tuple[Equity, ...]:
    flow = np.zeros(len(panel.calendar))
    held = np.zeros(len(panel.calendar))
    for position in positions:
        chance = position.chance
        flow[chance.entered] -= position.cost
        flow[chance.left] += position.proceeds
        days = slice(chance.entered, chance.left)
        held[days] += position.quantity * panel.marks[chance.owner, days]
    equity = capital + np.cumsum(flow) + held
    shown = slice(window.eve, window.last + 1)
    return tuple(map(Equity, panel.dates[shown], equity[shown].tolist()))
