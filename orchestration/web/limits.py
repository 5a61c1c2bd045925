"""How much one client may ask for, and how long a request may take."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_CALLERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of the HTTP part.

    Attributes:
        body: The largest body, in bytes.
        head_s: Seconds for the head of a request to arrive.
        body_s: Seconds for its body to arrive.
        send_s: Seconds for a client to take what is sent to it.
        rate: Sustained requests a second from one address.
        burst: Requests from one address at once.
        failures: Wrong tokens from one address within a minute; then its tokens are not looked up.
        connections: Connections at once, streams included.
        streams: Streams at once by one token, or by one address without a token: so that no client
            can take all connections, and shut out an operator who has to stop the fleet.
        ping_s: Seconds between two pings of a stream.
        stream_s: Seconds after which a stream ends, so that its client reconnects.
    """

    body: int = 2**20
    head_s: float = 10.0
    body_s: float = 15.0
    send_s: float = 20.0
    rate: float = 200.0
    burst: float = 1_000.0
    failures: int = 10
    connections: int = 2_000
    streams: int = 100
    ping_s: float = 10.0
    stream_s: float = 3_600.0


class Shares:
    """How many streams each caller holds at once.

    Args:
        most: How many one caller may hold.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()

    def is_full(self, caller: str) -> bool:
        """Whether a caller may hold nothing more."""
        return self._held[caller] >= self._most

    @contextmanager
    def holding(self, caller: str) -> Iterator[None]:
        """Count one more for the caller until the block ends."""
        self._held[caller] += 1
        try:
            yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]


class Buckets:
    """For each caller a bucket of permissions that refills at a steady rate.

    Args:
        rate: Permissions that come back a second.
        burst: Permissions in a full bucket.
        monotonic: Seconds that never jump.
    """

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> float:
        """Take a permission, and return 0; or the seconds until there is one."""
        left = self._look(caller)
        if left < 1:
            return (1 - left) / self._rate
        self._keep(caller, left - 1)
        return 0.0

    def wait(self, caller: str) -> float:
        """The seconds until there is a permission; 0: there is one now."""
        return max(1 - self._look(caller), 0) / self._rate

    def _look(self, caller: str) -> float:
        left, at = self._left.get(caller, (self._burst, 0.0))
        return min(self._burst, left + (self._monotonic() - at) * self._rate)

    def _keep(self, caller: str, left: float) -> None:
        if len(self._left) >= MOST_CALLERS and caller not in self._left:
            self._left = {each: kept for each, kept in self._left.items() if self._misses(each)}
            if len(self._left) >= MOST_CALLERS:
                self._left.clear()
        self._left[caller] = (left, self._monotonic())

    def _misses(self, caller: str) -> bool:
        return self._look(caller) < self._burst
