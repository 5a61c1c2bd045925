"""What the engine needs from the outside world, as protocols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Clock(Protocol):
    """Two clocks: one for people and timers, one for measuring silence."""

    @property
    def boot(self) -> str:
        """The same for all clocks whose `offset` can be compared."""
        ...

    @property
    def offset(self) -> float:
        """`now` minus `monotonic` in seconds, or a constant: when it jumps, timers are shifted."""
        ...

    @property
    def may_be_set(self) -> bool:
        """Whether `offset` may jump."""
        ...

    def now(self) -> datetime:
        """The time of day, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...


class Session(Protocol):
    """SQL inside one transaction; `?` marks a parameter in every dialect."""

    def run(self, sql: str, *values: Any) -> None:
        """Execute, perhaps only with the next query or the commit, which then raises its errors."""
        ...

    def changed(self, sql: str, *values: Any) -> int:
        """Execute, and return how many rows changed."""
        ...

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        ...

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row."""
        ...

    def number_from(self, table: str, number: int) -> None:
        """Let the ids of a table's future rows count on from a number."""
        ...


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a store, in bytes.

    Attributes:
        log: The size of its log, not in `data`; None: it has no log of its own.
    """

    data: int
    log: int | None = None


class Store(Protocol):
    """Durable state: each write is one transaction, on disk when it returns."""

    def write(self, operation: Callable[[Session], T]) -> T:
        """Run the operation in a transaction of its own.

        The operation may be run more than once, so it must only touch the session.

        Raises:
            StoreError: Nothing was written; repeat it later.
            InDoubtError: It is not known whether it was written.
        """
        ...

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        """Run each operation as `write` would, in as few commits as can be.

        Returns:
            The result or the error of each operation.
        """
        ...

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run the operation on one consistent snapshot."""
        ...

    def writer_for(self, seconds: float, /) -> int | None:
        """The process that keeps the write lock for so many seconds; None: none, or not known."""
        ...

    def disk_use(self) -> Size:
        """The current size; cheap to ask."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that all processes of the store use."""
        ...

    @property
    def aside(self) -> "Store":
        """The same store for people's requests: its reads keep none of the worker's waiting."""
        ...

    def close(self) -> None:
        """Finish what was begun, and close every file and connection."""
        ...


class Locks(Protocol):
    """Proof of life: a lock that is freed when its holder dies."""

    @property
    def proof_s(self) -> float:
        """How long, in seconds, the beat must stand still while the lock is free to prove a death.

        Zero if only a death, or the holder itself, can free a lock.
        """
        ...

    def hold(self, name: str) -> bool:
        """Take a lock until this process ends or releases it; False if it is taken."""
        ...

    def holds(self, name: str) -> bool:
        """Whether a lock that was taken here is still ours; costs next to nothing."""
        ...

    def release(self, name: str) -> None:
        """Release a lock."""
        ...

    def is_free(self, name: str) -> bool:
        """Whether no process holds the lock: its holder is dead, if `proof_s` is zero."""
        ...

    def close(self) -> None:
        """Free what costs other processes something, such as a session of a server."""
        ...


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One message: this attempt of this branch may be claimed from this queue.

    Attributes:
        alone: A worker was lost with it before: no other step may run beside it.
    """

    queue: str
    run_id: str
    step: str
    branch: int
    attempt: int
    alone: bool = False


class Transport(Protocol):
    """The way messages leave this process; they are hints, the rows are the truth."""

    @property
    def flows(self) -> bool:
        """Whether messages are likely to leave now: if not, other processes should send them."""
        ...

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Send soon, and raise nothing: a message that is lost is sent again from its row."""
        ...
