"""How fast an agent may go: no stretch of a rate's time ever holds more starts than it allows.

What is sent and unclaimed is counted as if it began now, so a claim is refused only where the
rate was lowered meanwhile.
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
    """See that somebody looks again once an agent's rate allows more."""
    rates = tx.rules.rates.get(agent)
    if not rates:
        return
    taken = starts.since(tx.session, agent, horizon(tx, agent))
    pause = max(rate.wait(taken, tx.now) for rate in rates)
    starts.wake(tx.session, agent, tx.now + pause if pause else None)


def horizon(tx: Transaction, agent: str) -> datetime:
    """From when on starts of an agent count."""
    return tx.now - max(rate.period for rate in tx.rules.rates[agent])
