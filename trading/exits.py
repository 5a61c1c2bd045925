"""When and at which price each possible position would be left.

An exit depends on the prices alone, not on the account, so all of them are found together. A
position is left at the first of:

* the stop, `stop_multiple` average true ranges below the entry's open. A bar that opens at or
  below it fills at that open (a gap), a bar that only trades there fills at the stop;
* the open of the bar `holding_bars` after the entry's;
* the close of the symbol's last bar in the window.
"""

from dataclasses import dataclass

import numpy as np

from trading.arrays import Floats, Ints
from trading.panel import Panel


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """The row and the price, without slippage, of each exit."""

    row: Ints
    price: Floats


def find_exits(panel: Panel, entry: Ints, stop: Floats, holding_bars: int, last: Ints) -> Exits:
    """Return the exit of a position opened at the open of each `entry` row.

    `stop` is a price, `last` the last row on which the position may be held.
    """
    row = last.copy()
    price = panel.close[last]
    held = np.arange(len(entry))
    for age in range(holding_bars + 1):
        held = held[entry[held] + age <= last[held]]
        if not len(held):
            break
        now = entry[held] + age
        opens, stops = panel.open[now], stop[held]
        at_open = (opens <= stops) if age < holding_bars else np.ones(len(held), dtype=np.bool_)
        if age == 0:
            at_open[:] = False
        leaves = at_open | (panel.low[now] <= stops)
        leaving = held[leaves]
        row[leaving] = now[leaves]
        price[leaving] = np.where(at_open, opens, stops)[leaves]
        held = held[~leaves]
    return Exits(row, price)
