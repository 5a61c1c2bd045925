"""Group commit: what the threads of a process write meanwhile, in one transaction."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from orchestration.errors import StoreError
from orchestration.ports import Session

T = TypeVar("T")
MOST_OPERATIONS = 64
CLOSED = "the store is closed: open it again"

Operation = Callable[[Session], Any]
Work = tuple[Operation, "Future[Any]"]


class Batches:
    """One thread that writes for all others.

    It waits for nobody: a batch is what has queued up while the one before it was written.

    Args:
        attempt: Writes a batch in one transaction: for each operation what it returned, or the
            exception that it raised; or raises, and then nothing is written.
    """

    def __init__(self, attempt: Callable[[Sequence[Operation]], Sequence[Any]]) -> None:
        self._attempt = attempt
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    def put(self, operation: Callable[[Session], T]) -> "Future[T]":
        """Line up an operation.

        Raises:
            StoreError: This is closed.
        """
        future: Future[T] = Future()
        with self._door:
            if self._closed:
                raise StoreError(CLOSED)
            self._queue.put((operation, future))
        return future

    def close(self) -> None:
        """Write what is lined up, and end."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        going = True
        while going and (work := self._queue.get()) is not None:
            batch, going = self._drain(work)
            self._write(batch)

    def _drain(self, first: Work) -> tuple[list[Work], bool]:
        batch = [first]
        while len(batch) < MOST_OPERATIONS:
            try:
                work = self._queue.get_nowait()
            except Empty:
                return batch, True
            if work is None:
                return batch, False
            batch.append(work)
        return batch, True

    def _write(self, batch: list[Work]) -> None:
        try:
            outcomes = self._attempt([operation for operation, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            outcomes = [error] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
