"""Circuit breaker of an agent: opens after failures in a row, then one probe, then closes again.

Pure decisions: `failed`, `succeeded` and `rested` are all that happens to a circuit.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_PAUSE = timedelta(minutes=10)


class CircuitState(StrEnum):
    """How much is sent to an agent: everything, nothing, or one step as a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many failures of an agent are tolerated.

    Attributes:
        failures: Failed attempts in a row that open its circuit.
        pause: How long the circuit stays open at first; twice as long after each failed probe.
    """

    failures: int = 10
    pause: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of a circuit.

    Attributes:
        failures: Failed attempts in a row.
        pause: How long it is open, or was before it became half open.
        since: When it became open or half open; None while it is closed.
    """

    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    pause: timedelta = timedelta(0)
    since: datetime | None = None

    @property
    def due(self) -> datetime | None:
        """When an open circuit becomes half open."""
        is_open = self.state is CircuitState.OPEN and self.since is not None
        return self.since + self.pause if is_open and self.since is not None else None


CLOSED = Circuit()


def failed(
    circuit: Circuit, began: datetime | None, now: datetime, tolerance: Tolerance
) -> Circuit:
    """The circuit after one more failed attempt; a half-open one is opened only by its probe.

    Args:
        circuit: The circuit before.
        began: When the attempt began.
        now: When it failed.
        tolerance: How many failures open the circuit.
    """
    counted = replace(circuit, failures=circuit.failures + 1)
    match circuit.state:
        case CircuitState.CLOSED if counted.failures >= tolerance.failures:
            return replace(counted, state=CircuitState.OPEN, pause=tolerance.pause, since=now)
        case CircuitState.HALF_OPEN if is_probe(circuit, began):
            longest = max(LONGEST_PAUSE, tolerance.pause)
            pause = min(2 * circuit.pause, longest)
            return replace(counted, state=CircuitState.OPEN, pause=pause, since=now)
        case _:
            return counted


def is_probe(circuit: Circuit, began: datetime | None) -> bool:
    """Whether an attempt began after the circuit became half open."""
    return circuit.since is None or began is None or began >= circuit.since


def succeeded(_circuit: Circuit) -> Circuit:
    """The circuit after a successful attempt: closed."""
    return CLOSED


def rested(circuit: Circuit, now: datetime) -> Circuit:
    """The circuit half open, if its pause is over: one probe may go; else unchanged."""
    if circuit.due is None or circuit.due > now:
        return circuit
    return replace(circuit, state=CircuitState.HALF_OPEN, since=now)
