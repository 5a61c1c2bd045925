"""Group commit: who comes first commits, for itself and for all who came in the meantime.

There is no thread that does it for everybody: where nobody else is there, nothing is handed over,
and where many are, each commit takes with it what queued up during the one before.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from orchestration.errors import StoreError
from orchestration.ports import Session

MOST_OPERATIONS = 64
CLOSED = "the store is closed: open it again"
INTERRUPTED = "who wrote this for others was interrupted: repeat it"

Operation = Callable[[Session], Any]


class Work:
    """One operation in line, and what came of it.

    Attributes:
        outcome: What it returned or raised, once it is done.
        leads: Whether it is its thread's turn to commit.
    """

    __slots__ = ("leads", "operation", "outcome", "turn")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.outcome: Any = StoreError(INTERRUPTED)
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Group:
    """Threads that want to write, in the order in which they came.

    Args:
        commit: Writes a batch, and each of its outcomes; it need not be safe for threads.
    """

    def __init__(self, commit: Callable[[Sequence[Work]], None]) -> None:
        self._commit = commit
        self._door = threading.Lock()
        self._line: deque[Work] = deque()
        self._busy = False
        self._closed = False

    def do(self, operations: Sequence[Operation]) -> list[Any]:
        """What came of each operation, once all of them are committed or refused.

        Raises:
            StoreError: It is closed.
        """
        works = [Work(operation) for operation in operations]
        with self._door:
            if self._closed:
                raise StoreError(CLOSED)
            self._join(works)
        self._see_through(works)
        return [work.outcome for work in works]

    def close(self) -> None:
        """Let nobody join any more, and return when everybody is done."""
        last = Work(lambda _: None)
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._join([last])
        self._see_through([last])

    def _join(self, works: Sequence[Work]) -> None:
        self._line.extend(works)
        if works and not self._busy:
            self._busy = works[0].leads = True

    def _see_through(self, works: Sequence[Work]) -> None:
        """Wait until each is done, and commit where it comes to the head of the line."""
        try:
            for work in works:
                if not work.leads:
                    work.turn.acquire()
                if work.leads:
                    self._lead()
        except BaseException:  # a signal in the main thread: others must not wait for it for ever
            with self._door:
                for work in works:
                    if work in self._line and not work.leads:
                        self._line.remove(work)
                leads = any(work in self._line for work in works)
            if leads:
                self._lead()
            raise

    def _lead(self) -> None:
        """Commit what is in line, and leave the rest to the first of those who came since."""
        with self._door:
            count = min(len(self._line), MOST_OPERATIONS)
            batch = [self._line.popleft() for _ in range(count)]
        try:
            self._commit(batch)
        finally:
            with self._door:
                self._busy = bool(self._line)
                if self._busy:
                    self._line[0].leads = True
                    self._line[0].turn.release()
            for work in batch:
                if not work.leads:
                    work.turn.release()
