"""The durability seam: load → decide → write in one transaction, and then send the messages.

The same transaction records every message that must follow; messages leave only after the commit.
A crash before the commit changes nothing; a crash after it leaves rows that are sent again.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from orchestration import failpoints
from orchestration.engine import dispatch, sweep
from orchestration.engine.allowance import Allowance
from orchestration.engine.strangers import Strangers
from orchestration.engine.transaction import Rules, Transaction
from orchestration.errors import InDoubtError, StoreError
from orchestration.failpoints import Failpoint
from orchestration.ports import Clock, Dispatch, Session, Store, Transport
from orchestration.store import runs

T = TypeVar("T")

AWAKE_S = 0.25  # between two commits: too short for a clock to be set twice


class Agreed(NamedTuple):
    """Wall clock minus monotonic clock, as a commit has found or set it in the store.

    Attributes:
        offset: The offset, in seconds.
        at: When that was, by the monotonic clock.
    """

    offset: float
    at: float


class Seam:
    """Commits operations over one store.

    Args:
        store: Where the rows are.
        transport: Sends messages; one that is lost there is sent again from its row.
        rules: The name and the settings of this process.
    """

    def __init__(self, store: Store, transport: Transport, rules: Rules) -> None:
        self.store = store
        self.rules = rules
        self._transport = transport
        self._allowance, self._strangers = Allowance(), Strangers()
        self._agreed = Agreed(math.inf, -math.inf)

    @property
    def clock(self) -> Clock:
        """The store's clock, which all processes of the store use."""
        return self.store.clock

    def commit(self, operation: Callable[[Transaction], T]) -> T:
        """Run an operation in one transaction, then send the messages that it recorded.

        Raises:
            StoreError: Nothing was written.
            InDoubtError: It is not known whether it was written.
        """
        value, outgoing, self._agreed = self.store.write(self._attempt(operation))
        failpoints.reach(Failpoint.TOLD, operation)
        if outgoing:
            self._transport.send(outgoing)
            failpoints.reach(Failpoint.SENT, operation)
        return value

    def begin(self, operation: Callable[[Transaction], str]) -> str:
        """Commit the start of a run; if the commit is in doubt, repeat it unless the run is there.

        Looking is a commit, too: it waits for the lock that the lost session may still hold.

        Args:
            operation: Begins the run, and returns its id.

        Raises:
            StoreError: Nothing was written.
            InDoubtError: It is not known whether the run has begun.
        """
        told: list[tuple[str, datetime]] = []

        def begun(tx: Transaction) -> str:
            told.append((operation(tx), tx.now))
            return told[-1][0]

        def begun_once(tx: Transaction) -> str:
            if told and runs.has(tx.session, *told[-1]):  # with its time: ids may repeat
                return told[-1][0]
            return begun(tx)

        try:
            return self.commit(begun)
        except InDoubtError as doubt:
            try:
                return self.commit(begun_once)
            except StoreError:
                which = told[-1][0] if told else "the run"
                raise InDoubtError(f"{which} may have begun: look for it first. {doubt}") from doubt

    def follow_clock(self) -> bool:
        """Shift every timer, once, if this machine's clock was set since our last commit.

        Every other transaction does that first, too; this one does nothing else.

        Returns:
            Whether the clock was set.
        """
        before = self._agreed.offset
        self.commit(lambda _: None)
        return before < math.inf and sweep.is_jump(before, self._agreed.offset)

    def commit_many(self, operations: Sequence[Callable[[Transaction], T]]) -> list[T | Exception]:
        """Run each operation as `commit` would, in as few commits as can be."""
        outcomes = self.store.write_many([self._attempt(each) for each in operations])
        failpoints.reach(Failpoint.TOLD, self.commit_many)
        good = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
        if good:
            *_, self._agreed = good[-1]
        if outgoing := [each for _, dispatches, _ in good for each in dispatches]:
            self._transport.send(outgoing)
            failpoints.reach(Failpoint.SENT, self.commit_many)
        return [o if isinstance(o, Exception) else o[0] for o in outcomes]

    def _attempt(
        self, operation: Callable[[Transaction], T]
    ) -> Callable[[Session], tuple[T, list[Dispatch], Agreed]]:
        """The operation as a transaction: value, messages to send, and the clock's offset."""

        def attempt(session: Session) -> tuple[T, list[Dispatch], Agreed]:
            kept = self._allowance, self._strangers
            tx = Transaction(session, self.clock.now(), self.rules.by(self._transport), *kept)
            agreed = self._keep_up(tx)
            value = operation(tx)
            dispatch.fill_queues(tx)
            failpoints.reach(Failpoint.DECIDED, operation)
            return value, tx.outgoing, agreed

        return attempt

    def _keep_up(self, tx: Transaction) -> Agreed:
        """Shift the existing timers before one is written by a clock that was just set.

        A clock may have been set and set back while this process slept, and another have shifted
        the timers in between: so after a pause it asks the store. A server's clock is never set.
        """
        clock, known = self.clock, self._agreed
        offset, now = clock.offset, clock.monotonic()
        slept = clock.may_be_set and now - known.at >= AWAKE_S
        if slept or sweep.is_jump(known.offset, offset):
            return Agreed(sweep.follow_clock(tx, clock.boot, offset), now)
        return Agreed(known.offset, now)
