"""One load for every contender: some chains alone, then many with a fixed number in flight."""

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from benchmarks.figures import Measured
from benchmarks.servers import wait_until

STEPS = 5
CALLERS = 4
WARM_UP = 300


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: `in_flight` chains have begun and not ended at any time.

    A new store's log grows, and a commit is slower for it, until the log begins again from its
    head: after 256 commits for ours. A fleet that has been up for a second is past that, so the
    warm-up of every contender is, too.
    """

    alone: int
    many: int
    in_flight: int
    warm_up: int = WARM_UP


class Contender(Protocol):
    """Something that can do the work."""

    def begin(self) -> str:
        """Start one chain, and return its id."""
        ...

    def ended(self) -> int:
        """How many chains have ended so far."""
        ...

    def end_times(self) -> dict[str, float]:
        """When each chain ended, in seconds since 1970.

        Raises:
            AssertionError: A chain has a wrong result.
        """
        ...

    def now(self) -> float:
        """Seconds since 1970."""
        ...


def measure(contender: Contender, size: Size) -> Measured:
    """Let a contender do the work; there is a figure only if all of its results are right."""
    press(contender, size.warm_up, size.in_flight)
    alone = [one(contender) for _ in range(size.alone)]
    began = time.perf_counter()
    begun = press(contender, size.many, size.in_flight)
    seconds = time.perf_counter() - began
    ended = contender.end_times()
    if len(ended) != size.warm_up + size.alone + size.many:
        raise AssertionError(f"{len(ended)} chains ended, {size} were begun")
    return Measured(size.many / seconds, alone, [ended[name] - at for name, at in begun.items()])


def one(contender: Contender) -> float:
    """Seconds from the call to the end of one chain, as its caller sees it."""
    before = contender.ended()
    began = time.perf_counter()
    contender.begin()
    wait_until(lambda: contender.ended() > before, poll_s=0.0005)
    return time.perf_counter() - began


def press(contender: Contender, many: int, in_flight: int) -> dict[str, float]:
    """Begin many chains, so many at once, wait for all, and return when each was called for."""
    before = contender.ended()
    left = threading.Semaphore(in_flight)
    begun: dict[str, float] = {}

    def call(count: int) -> None:
        for _ in range(count):
            left.acquire()
            at = contender.now()
            begun[contender.begin()] = at

    shares = [many // CALLERS + (n < many % CALLERS) for n in range(CALLERS)]
    threads = [threading.Thread(target=call, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    seen = 0

    def all_done() -> bool:
        nonlocal seen
        done = contender.ended() - before
        if done > seen:
            left.release(done - seen)
            seen = done
        return done == many

    wait_until(all_done)
    for thread in threads:
        thread.join()
    return begun
