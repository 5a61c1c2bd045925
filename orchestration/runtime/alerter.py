"""The alerter: one elected thread that sends people the alerts of the table `alerts`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from orchestration.engine import Engine, Transaction
from orchestration.ports import Locks
from orchestration.runtime.election import Election
from orchestration.runtime.rounds import Rounds
from orchestration.store import alerts
from orchestration.store.alerts import AlertRow

log = logging.getLogger(__name__)

TICK_S = 0.5
BATCH = 20
MOST_TRIES = 12
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
ELECTED = "alerter"
NO_TURN = "it was not its turn yet: an address failed, or was slow, before it"

Problems = Mapping[int, Mapping[str, str | None]]


class Targets(Protocol):
    """Where alerts go besides the log."""

    names: frozenset[str]

    def tell(self, found: Sequence[AlertRow]) -> Problems:
        """Send each alert to each target that has not got it; returns in bounded time.

        Returns:
            For each alert, and each target that it was offered to, None or why that failed.
        """
        ...


class Nowhere:
    """No addresses: alerts only go to the log."""

    names: frozenset[str] = frozenset()

    def tell(self, _found: Sequence[AlertRow]) -> Problems:
        """Do nothing: there are no addresses."""
        return {}


class Alerter:
    """Sends alerts, in the one worker that is elected; nothing waits for it.

    Args:
        engine: The engine whose store has the alerts.
        locks: The locks that elect one worker.
        targets: Where alerts go besides the log.
        look: Looks for states that only time shows, as silence; called once a period.
        period: How often to look.
        level: The level at which alerts are logged.
    """

    def __init__(
        self,
        engine: Engine,
        locks: Locks,
        targets: Targets,
        look: Callable[[], None],
        period: timedelta,
        level: int = logging.WARNING,
    ) -> None:
        self._engine = engine
        self._election = Election(locks, ELECTED)
        self._targets = targets
        self._look = look
        self._level = level
        self._period_s = period.total_seconds()
        self._next_look = engine.clock.monotonic() + self._period_s
        self._rounds = Rounds(ELECTED, self._serve, lambda stopping: stopping.wait(TICK_S))

    def start(self) -> None:
        """Begin to send, once elected."""
        self._rounds.start()

    def stop(self) -> None:
        """Send the last alerts, if elected, and end."""
        self._rounds.stop()
        self._rounds.once()
        self._election.resign()

    def _serve(self) -> None:
        if self._election.won():
            self.tick()

    def tick(self) -> None:
        """Look, if a period is over, and send the alerts that are due."""
        now = self._engine.clock.monotonic()
        if now >= self._next_look and not self._rounds.stopping.is_set():
            self._next_look = now + self._period_s
            self._look()
        at = self._engine.clock.now()
        if self._engine.store.read(lambda s: alerts.is_any_due(s, at)):
            self.tell()

    def tell(self) -> None:
        """Send one batch of due alerts, and write the outcome."""
        at = self._engine.clock.now()
        found = self._engine.store.write(lambda s: alerts.take(s, at, BATCH))
        for alert in found:
            if not alert.tries and alert.problem is None:
                times = f" ({alert.times} times)" if alert.times > 1 else ""
                log.log(self._level, "alert %s: %s%s", alert.kind, alert.message, times)
        problems = self._targets.tell(found)
        told_at = self._engine.clock.now()  # for all: an untried alert is due before a failed one
        self._engine.commit_many(
            [partial(self._record, each, problems.get(each.id, {}), told_at) for each in found]
        )

    def _record(
        self,
        alert: AlertRow,
        problems: Mapping[str, str | None],
        told_at: datetime,
        tx: Transaction,
    ) -> None:
        """Write which addresses have an alert, and when the others are tried again.

        It counts as a try only if the alert was offered to an address, and not taken.
        """
        told_to = alert.told_to | {name for name, problem in problems.items() if problem is None}
        left = self._targets.names - told_to
        reasons = "; ".join(sorted({problem for problem in problems.values() if problem}))
        if left and not reasons:
            again_at = told_at + FIRST_PAUSE
            alerts.put_off(tx.session, alert.id, told_to, alert.problem or NO_TURN, again_at)
            return
        next_at = told_at + min(FIRST_PAUSE * 2 ** min(alert.tries, MOST_TRIES), LONGEST_PAUSE)
        is_over = not left or (alert.tries + 1 >= MOST_TRIES and left <= problems.keys())
        alerts.record_try(
            tx.session, alert.id, told_to, reasons or None, None if is_over else next_at
        )
