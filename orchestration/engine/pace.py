"""Rates of agents: no window of a rate's period, wherever it begins, has more starts than allowed.

An attempt that is sent and unclaimed counts as if it began now, so a claim is refused only if
the rate was lowered meanwhile.
"""

import sys
from datetime import datetime

from orchestration.engine.transaction import Transaction
from orchestration.store import starts


def left(tx: Transaction, agent: str) -> int:
    """How many attempts of an agent may begin now."""
    rates = tx.rules.rates.get(agent)
    if not rates:
        return sys.maxsize
    taken = starts.since(tx.session, agent, horizon(tx, agent))
    return min(rate.left(taken, tx.now) for rate in rates)


def begin(tx: Transaction, agent: str) -> None:
    """Write that an attempt of an agent begins."""
    if agent in tx.rules.rates:
        starts.add(tx.session, agent, tx.now, horizon(tx, agent))


def wait(tx: Transaction, agent: str) -> None:
    """Set the timer that wakes an agent's queue once its rate allows more."""
    rates = tx.rules.rates.get(agent)
    if not rates:
        return
    taken = starts.since(tx.session, agent, horizon(tx, agent))
    pause = max(rate.wait(taken, tx.now) for rate in rates)
    starts.set_timer(tx.session, agent, tx.now + pause if pause else None)


def horizon(tx: Transaction, agent: str) -> datetime:
    """The moment from which on an agent's starts count."""
    return tx.now - max(rate.period for rate in tx.rules.rates[agent])
