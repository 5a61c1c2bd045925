"""The time of day of a server, common to machines whose own clocks differ."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestration.clock import SystemClock
from orchestration.ports import Clock

EVERY_S = 10.0
DRIFT = 0.001  # of two clocks, seconds a second: more than any crystal's
LEAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the server's clock, in seconds.

    Attributes:
        ahead: By how much the server's time of day was ahead of our monotonic clock.
        doubt: How wrong that may be: half of the time that the answer took.
        at: When it was read, by our monotonic clock.
        own: By how much our own time of day was ahead of our monotonic clock then.
    """

    ahead: float
    doubt: float
    at: float
    own: float


class ServerClock:
    """A server's time of day, counted on by this machine's monotonic clock.

    So neither this machine's time of day matters nor that it is set: no timer fires by it, and
    none has to be shifted.

    Args:
        machine: This machine's clocks.
    """

    boot = "server"
    offset = 0.0
    may_be_set = False

    def __init__(self, machine: Clock | None = None) -> None:
        self._machine = machine or SystemClock()
        self._reading: Reading | None = None
        self._asked_at = 0.0

    def now(self) -> datetime:
        """The server's time of day, UTC; this machine's until the server was asked."""
        if self._reading is None:
            return self._machine.now()
        return datetime.fromtimestamp(self._machine.monotonic() + self._reading.ahead, UTC)

    def monotonic(self) -> float:
        """Seconds since some moment before this process, never jumping."""
        return self._machine.monotonic()

    def is_due(self) -> bool:
        """Whether to ask the server: the last reading is old, or this machine has slept since."""
        last = self._reading
        return (
            last is None
            or self._machine.monotonic() - self._asked_at >= EVERY_S
            or abs(self._machine.offset - last.own) > LEAP_S
        )

    def ask(self, server: Callable[[], float]) -> None:
        """Read the server's clock; a slow answer does not replace a more exact reading.

        If the two readings contradict each other, a clock was set or a machine stood still: the
        new one counts.

        Args:
            server: Asks the server for the seconds since 1970.
        """
        asked, own = self._machine.monotonic(), self._machine.offset
        said = server()
        answered = self._asked_at = self._machine.monotonic()
        doubt = (answered - asked) / 2
        new = Reading(said - answered + doubt, doubt, answered, own)
        last = self._reading
        if last is not None:
            known = last.doubt + DRIFT * (answered - last.at)
            if doubt > known and abs(new.ahead - last.ahead) <= doubt + known:
                new = replace(new, ahead=last.ahead, doubt=known)
        self._reading = new
