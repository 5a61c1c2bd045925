"""Group commit: who comes first commits, for itself and for all who came in the meantime.

There is no thread that does it for everybody: where nobody else is there, nothing is handed over,
and where many are, each commit takes with it what queued up during the one before. Whom that one
let go comes back at once, most of the time: where fewer are in line, a moment is given to them.
Where other processes write, who comes while their lock is waited for is in the batch, too.
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
    """An operation raised what ends a thread: the one it came from, not the one that commits it.

    Attributes:
        error: What it raised.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error


def wait_a_moment() -> None:
    """Let those get in line again who were let go."""
    time.sleep(MOMENT_S)


class Work:
    """One operation in line, and what came of it.

    Attributes:
        outcome: What it returned or raised; an error until it is done, so that nobody is told of
            a success whose commit was broken off.
        leads: Whether it is its thread's turn to commit.
    """

    __slots__ = ("leads", "operation", "outcome", "turn")

    def __init__(self, operation: Operation) -> None:
        self.operation = partial(contained, operation)
        self.outcome: Any = InDoubtError(BROKEN_OFF)
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Group:
    """Threads that want to write, in the order in which they came.

    A signal may raise anywhere in the main thread, and others must not wait for it for ever: so
    it lets a thread of its own stand in for it, and a signal interrupts only its waiting.

    Args:
        commit: Writes a batch, and each of its outcomes; raises nothing; it need not be safe for
            threads.
        lock: What to hold meanwhile; a batch is chosen once it is held.
        gather: Waits a moment for more to come.
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
        """What came of each operation, once all of them are committed or refused.

        Raises:
            StoreError: It is closed.
            PermanentError: An operation asks for another: it would wait for itself.
            BaseException: One of them raised what ends its thread; all of them are seen through.
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
        """Let nobody join any more, and return when everybody is done."""
        with suppress(StoreError):  # it is closed already
            stand_in(partial(self._see_through, [Work(lambda _: None)], closing=True))

    def _see_through(self, works: Sequence[Work], *, closing: bool = False) -> None:
        """Get in line, wait until each is done, and commit where it comes to the head."""
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
        """Commit what is in line, and leave the rest to the first of those who came since."""
        batch: list[Work] = []
        try:
            if len(self._line) < self._last_size:
                self._gather()
            self._write(batch)
        finally:
            if not batch:  # it was broken off before
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

        Whatever fails, who leads goes on: there may be more of its own in line, and others are.
        """
        self._writer = threading.get_ident()
        try:
            with self._lock():
                self._fill(batch)
                self._commit(batch)
        except Exception as error:
            if batch:  # each is told what the commit has noted, or that it is in doubt
                log.exception("a commit did not end as it should")
                return
            self._fill(batch)  # the lock is not to be had
            for work in batch:
                work.outcome = error
        finally:
            self._writer = None

    def _fill(self, batch: list[Work]) -> None:
        """Choose what is in line by now."""
        with self._door:
            self._last_size = min(len(self._line), MOST_OPERATIONS)
            batch += [self._line.popleft() for _ in range(self._last_size)]


def contained(operation: Operation, session: Session) -> Any:
    """What an operation returns; whatever it raises is a refusal to whoever runs it for others."""
    try:
        return operation(session)
    except Exception:
        raise
    except BaseException as error:  # SystemExit in an action's change of a shared value, say
        raise EndedError(error) from error


def outcome_of(operation: Callable[[], T]) -> T | Exception:
    """Call, and keep the exception instead of raising it: it belongs to one of many callers."""
    try:
        return operation()
    except Exception as error:  # noqa: BLE001 - the caller of many looks at each
        return error


def stand_in(task: Callable[[], None]) -> None:
    """Do a task in a thread of its own, and wait for it; it is done even if the wait is not."""
    future: Future[None] = Future()

    def do() -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=do, name="store-stand-in", daemon=True).start()
    future.result()
