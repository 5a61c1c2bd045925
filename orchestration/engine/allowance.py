"""How many commands a sender may still submit before its pending runs are counted again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

SHARE = 8
VALID = timedelta(seconds=1)
MOST_SENDERS = 1_000


@dataclass(slots=True)
class Credit:
    """A number of commands, and until when it is valid."""

    left: int
    until: datetime


class Allowance:
    """Saves counting the pending runs, which takes the longer the more there are.

    One count is good for an eighth of what was free then, and for a second. Each process counts
    for itself, so together the processes may exceed the limit by that much, but no more.
    """

    def __init__(self) -> None:
        self._credits: dict[str, Credit] = {}

    def spend(self, sender: str, now: datetime) -> bool:
        """Take one command off what a sender has left; False: count again."""
        credit = self._credits.get(sender)
        if credit is None or credit.left <= 0 or now >= credit.until:
            return False
        credit.left -= 1
        return True

    def grant(self, sender: str, free: int, now: datetime) -> None:
        """Give a sender credit out of the commands that its limit leaves free just now."""
        if len(self._credits) >= MOST_SENDERS:
            self._credits.clear()
        self._credits[sender] = Credit(free // SHARE, now + VALID)
