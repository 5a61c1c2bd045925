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
        """What those have in common whose `offset` can be compared."""
        ...

    @property
    def offset(self) -> float:
        """Seconds from the second to the first, or any constant: where it jumps, timers follow."""
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
        """Execute, at the latest with what is asked next or the commit, which raises its errors."""
        ...

    def changed(self, sql: str, *values: Any) -> int:
        """Execute, and tell how many rows changed."""
        ...

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        ...

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row."""
        ...

    def number_from(self, table: str, number: int) -> None:
        """Let the rows to come of a table that numbers them count on from there."""
        ...


@dataclass(frozen=True, slots=True)
class Size:
    """What a store takes, in bytes.

    Attributes:
        log: What its log takes beside it; None: it has none of its own.
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
            For each operation what it returned, or what it raised.
        """
        ...

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run the operation on one consistent snapshot."""
        ...

    def writer_for(self, seconds: float, /) -> int | None:
        """The process that keeps everybody from writing for so long by now, if that is known."""
        ...

    def disk_use(self) -> Size:
        """What it takes now; cheap to ask."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that everybody goes by who uses it."""
        ...

    def close(self) -> None:
        """Finish what was begun, and let go of every file and connection."""
        ...


class Locks(Protocol):
    """Proof of life: a lock that is freed for its holder when it dies."""

    @property
    def proof_s(self) -> float:
        """How long, in seconds, a beat must stand still beside a free lock to prove a death.

        Zero where only a death, or the holder itself, can free a lock.
        """
        ...

    def hold(self, name: str) -> bool:
        """Take a lock until this process ends or lets go; False if somebody else has it."""
        ...

    def holds(self, name: str) -> bool:
        """Whether a lock that was taken here is still ours; costs next to nothing."""
        ...

    def release(self, name: str) -> None:
        """Let go of it."""
        ...

    def is_free(self, name: str) -> bool:
        """Whether nobody holds it now: then its holder is dead, unless a proof needs time."""
        ...

    def close(self) -> None:
        """Let go of everything that costs others something."""
        ...


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One message: this attempt of this branch may be claimed from this queue.

    Attributes:
        alone: A worker was lost with it before: nothing else may run beside it.
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
        """Whether what is given to it now is likely to leave: else it is better left to others."""
        ...

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Send, soon and without raising: what is not sent is sent again from its row."""
        ...
