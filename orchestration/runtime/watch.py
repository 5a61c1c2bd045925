"""Notices at once what other processes wrote: a thread that polls the store for changes."""

from types import TracebackType
from typing import Self

from orchestration.engine import Engine
from orchestration.ports import Session, Store
from orchestration.runtime.rounds import Rounds
from orchestration.store import queues, slot_queue
from orchestration.store.sqlite import SqliteStore

LOOK_EVERY_S = 0.05


class Changes:
    """Tells one thread whether a store has changed since the thread last asked.

    For a store that cannot tell that for less than a read, the answer is always yes.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: int | None = None

    def seen(self) -> bool:
        """Whether the store may have changed."""
        if not isinstance(self._store, SqliteStore):
            return True
        before, self._seen = self._seen, self._store.change_count()
        return self._seen != before


class Watch:
    """Lets an engine send branches and admit runs soon after another process wrote.

    Args:
        engine: The engine of a worker.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        changes = Changes(engine.store)
        self._rounds = Rounds(
            "watch", lambda: self.look(changes), lambda stopping: stopping.wait(LOOK_EVERY_S)
        )

    def __enter__(self) -> Self:
        self._rounds.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rounds.stop()

    def look(self, changes: Changes) -> None:
        """Refill if the store has changed, and a run or a branch may go."""
        if changes.seen() and self._engine.store.read(self._could_go):
            self._engine.refill()

    def _could_go(self, session: Session) -> bool:
        scope = self._engine.rules.scope
        pending = any(
            slot_queue.next_pending(session, 1, needs_slot=needs_slot, scope=scope)
            for needs_slot in (False, True)
        )
        return pending or bool(queues.ready(session))
