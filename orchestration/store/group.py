"""Group commit: the first thread that wants to write commits, for itself and all that queued up.

There is no writer thread: a lone caller hands nothing over, and under load each commit takes along
what queued up during the one before. Threads that a commit has released mostly return at once: if
fewer are queued than in the last batch, the leader gives them a moment. Operations that arrive
while the leader waits for another process's lock are in the batch, too.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

from orchestration.errors import InDoubtError, PermanentError, StoreError
from orchestration.ports import Session

MOST_OPERATIONS = 64
MOMENT_S = 0.0003  # less than a commit takes, and more than a short step does
CLOSED = "the store is closed: open it again"
BROKEN_OFF = (
    "the commit that this was a part of was broken off: look, and repeat it if it is missing"
)

NESTED = (
    "a write within a write: let the change of a shared value only compute the new one, and write"
    " all else before or after it"
)

log = logging.getLogger(__name__)

T = TypeVar("T")
Operation = Callable[[Session], Any]


class EndedError(Exception):
    """An operation raised an error that ends a thread: its caller's, not the leader's.

    Attributes:
        error: The error.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error


def wait_a_moment() -> None:
    """Let released threads queue up again."""
    time.sleep(MOMENT_S)


class Work:
    """One queued operation, and its outcome.

    Attributes:
        outcome: Its result or error; in doubt until it is done, so that no caller is told of a
            success whose commit was broken off.
        leads: Whether its thread is the leader, the one that commits next.
    """

    __slots__ = ("leads", "operation", "outcome", "turn")

    def __init__(self, operation: Operation) -> None:
        self.operation = partial(contained, operation)
        self.outcome: Any = InDoubtError(BROKEN_OFF)
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Group:
    """A queue of operations to write, in order of arrival; one thread at a time leads.

    A signal may raise anywhere in the main thread, and other threads must not wait for it for ever:
    so another thread stands in for the main thread, and a signal interrupts only its waiting.

    Args:
        commit: Writes a batch, and sets each outcome; raises nothing; need not be thread-safe.
        lock: Held meanwhile; the batch is chosen once it is held.
        gather: Waits a moment for more operations.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Work]], None],
        lock: Callable[[], AbstractContextManager[None]] = nullcontext,
        gather: Callable[[], None] = wait_a_moment,
    ) -> None:
        self._commit = commit
        self._lock = lock
        self._gather = gather
        self._last_size = 0
        self._door = threading.Lock()
        self._line: deque[Work] = deque()
        self._busy = False
        self._writer: int | None = None
        self._closed = False

    def do(self, operations: Sequence[Operation]) -> list[Any]:
        """The outcome of each operation, once all of them are committed or refused.

        Raises:
            StoreError: The store is closed.
            PermanentError: An operation called this: it would wait for itself.
            BaseException: An operation raised an error that ends its thread; all were seen through.
        """
        if self._writer == threading.get_ident():
            raise PermanentError(NESTED)
        works = [Work(operation) for operation in operations]
        if threading.current_thread() is threading.main_thread():
            stand_in(partial(self._see_through, works))
        else:
            self._see_through(works)
        outcomes = [work.outcome for work in works]
        for outcome in outcomes:
            if isinstance(outcome, EndedError):
                raise outcome.error
        return outcomes

    def close(self) -> None:
        """Accept no more operations, and return when all that are queued are done."""
        with suppress(StoreError):  # it is closed already
            stand_in(partial(self._see_through, [Work(lambda _: None)], closing=True))

    def _see_through(self, works: Sequence[Work], *, closing: bool = False) -> None:
        """Queue the works, wait until each is done, and lead when one comes to the head."""
        with self._door:
            if self._closed:
                raise StoreError(CLOSED)
            self._closed = closing
            self._line.extend(works)
            if works and not self._busy:
                self._busy = works[0].leads = True
        for work in works:
            if not work.leads:
                work.turn.acquire()
            if work.leads:
                self._lead()

    def _lead(self) -> None:
        """Commit what is queued, and make the thread of the first remaining work the leader."""
        batch: list[Work] = []
        try:
            if len(self._line) < self._last_size:
                self._gather()
            self._write(batch)
        finally:
            if not batch:  # broken off before it was chosen
                self._fill(batch)
            with self._door:
                self._busy = bool(self._line)
                if self._busy:
                    self._line[0].leads = True
                    self._line[0].turn.release()
            for work in batch:
                if not work.leads:
                    work.turn.release()

    def _write(self, batch: list[Work]) -> None:
        """Choose a batch once the lock is held, and commit it.

        Whatever fails, the leader goes on: more works, of its own or of others, may be queued.
        """
        self._writer = threading.get_ident()
        try:
            with self._lock():
                self._fill(batch)
                self._commit(batch)
        except Exception as error:
            if batch:  # each has the outcome that the commit set, or is in doubt
                log.exception("a commit did not end as it should")
                return
            self._fill(batch)  # the lock could not be taken
            for work in batch:
                work.outcome = error
        finally:
            self._writer = None

    def _fill(self, batch: list[Work]) -> None:
        """Move what is queued by now into the batch."""
        with self._door:
            self._last_size = min(len(self._line), MOST_OPERATIONS)
            batch += [self._line.popleft() for _ in range(self._last_size)]


def contained(operation: Operation, session: Session) -> Any:
    """What an operation returns; an error that would end the leader's thread is wrapped."""
    try:
        return operation(session)
    except Exception:
        raise
    except BaseException as error:  # SystemExit in an action's change of a shared value, say
        raise EndedError(error) from error


def outcome_of(operation: Callable[[], T]) -> T | Exception:
    """Call, and return the exception instead of raising it: it belongs to one of many callers."""
    try:
        return operation()
    except Exception as error:  # noqa: BLE001 - the caller of many looks at each
        return error


def stand_in(task: Callable[[], None]) -> None:
    """Run a task in a thread of its own, and wait for it; it ends even if the wait is cut short."""
    future: Future[None] = Future()

    def do() -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=do, name="store-stand-in", daemon=True).start()
    future.result()
