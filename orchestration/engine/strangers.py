"""Agents that no worker serves and no setting names: anybody can invent one, so `MOST` are kept."""

import logging
from datetime import datetime, timedelta

from orchestration.ports import Session
from orchestration.store import agents

log = logging.getLogger(__name__)

MOST = 2_000
VALID = timedelta(seconds=10)
TOLD_EVERY = timedelta(minutes=1)


class Strangers:
    """Remembers for a moment that there are too many, and counts the messages dropped for that."""

    def __init__(self) -> None:
        self._full_until: datetime | None = None
        self._told_at: datetime | None = None
        self.dropped = 0

    def have_room(self, session: Session, now: datetime, silence: timedelta) -> bool:
        """Whether one more may be stored; if there are too many, silent ones are forgotten first.

        Args:
            session: The transaction.
            now: The time.
            silence: How long an agent may say nothing.
        """
        if self._full_until is None or now >= self._full_until:
            self._full_until = None
            if agents.strangers(session) < MOST:
                return True
            agents.forget_strangers(session, now - silence)
            if agents.strangers(session) < MOST:
                return True
            self._full_until = now + VALID
        self._drop(now)
        return False

    def _drop(self, now: datetime) -> None:
        """Count a dropped message, and log that once a minute."""
        self.dropped += 1
        if self._told_at is None or now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            log.warning(
                "%d agents are known that no worker serves: what new ones say of themselves is"
                " dropped, %d messages so far; name those that count in OUTSIDE_AGENTS",
                *(MOST, self.dropped),
            )
