"""Whether a vendor may be asked now: one value for each vendor, shared by all processes.

Facts in, decision out: nothing here reads a clock or a store. Times are times of day, since several
machines share them; a time too far ahead comes from a clock that was set back since, and is
ignored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from orchestration.rate import Rate

NONE = timedelta(0)
LONGEST_COOLDOWN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """When a vendor is spared.

    After `failures` in a row the circuit opens for a `pause`; then one request may try again, and
    counts as lost if it has no outcome within `probe`.
    """

    rates: tuple[Rate, ...]
    failures: int = 5
    pause: timedelta = timedelta(minutes=1)
    probe: timedelta = timedelta(minutes=2)


class Circuit(StrEnum):
    """Whether requests pass: all of them, none, or one as a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Hindrance(StrEnum):
    """Why a request may not go out now."""

    OPEN = "open"
    COOLING = "cooling"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a request may not go out now, and how long that lasts at most."""

    hindrance: Hindrance
    wait: timedelta


class Gate(BaseModel):
    """The shared state of one vendor: `taken` are the times of requests that still count.

    `cause` says, while the vendor is ailing, how it failed last. `ticket` is the name of the
    request admitted last.
    """

    model_config = ConfigDict(frozen=True)

    failures: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None
    cooldown_until: datetime | None = None
    taken: tuple[datetime, ...] = ()
    ticket: str = ""
    cause: str = ""

    @classmethod
    def of(cls, value: Any) -> "Gate":
        """Read a gate from its JSON value, or None."""
        return cls() if value is None else cls.model_validate(value)

    def as_json(self) -> dict[str, Any]:
        """Return the gate as its JSON value."""
        return self.model_dump(mode="json")

    @property
    def ailing(self) -> bool:
        """Whether there were failures, which a success would clear."""
        return self.failures > 0 or self.open_until is not None

    def circuit(self, now: datetime, rules: Rules) -> Circuit:
        """Return the state of the circuit."""
        if self.open_until is None:
            return Circuit.CLOSED
        waiting = _left(self.open_until, now, rules.pause)
        return Circuit.OPEN if waiting else Circuit.HALF_OPEN

    def obstacle(self, now: datetime, rules: Rules) -> Obstacle | None:
        """Return what keeps a request from passing; None: nothing does."""
        waits = {
            Hindrance.COOLING: _left(self.cooldown_until, now, LONGEST_COOLDOWN),
            Hindrance.OPEN: max(
                _left(self.open_until, now, rules.pause), _left(self.probe_until, now, rules.probe)
            ),
            Hindrance.SPENT: max(rate.wait(self.taken, now) for rate in rules.rates),
        }
        return next((Obstacle(kind, wait) for kind, wait in waits.items() if wait > NONE), None)

    def admit(self, now: datetime, rules: Rules, ticket: str) -> "Gate":
        """Let a request pass if there is no obstacle; else change nothing."""
        if self.obstacle(now, rules) is not None:
            return self
        counting = [
            moment for moment in self.taken if any(rate.counts(moment, now) for rate in rules.rates)
        ]
        probe = None if self.open_until is None else now + rules.probe
        return self._with(taken=(*counting, now), probe_until=probe, ticket=ticket)

    def succeed(self) -> "Gate":
        """Close the circuit: the vendor is alive, whatever it answered."""
        return self._with(failures=0, open_until=None, probe_until=None, cause="")

    def fail(self, now: datetime, rules: Rules, cause: str) -> "Gate":
        """Count a failure; open the circuit after too many, or if the probe failed."""
        failures = self.failures + 1
        if failures < rules.failures and self.open_until is None:
            return self._with(failures=failures, cause=cause)
        until = now + rules.pause
        return self._with(failures=failures, cause=cause, open_until=until, probe_until=None)

    def cool(self, now: datetime, wait: timedelta) -> "Gate":
        """Send nothing for a while, as the vendor, which is alive, has asked."""
        until = now + min(wait, LONGEST_COOLDOWN)
        return self.succeed().model_copy(update={"cooldown_until": until})

    def _with(self, **changes: Any) -> "Gate":
        return self.model_copy(update=changes)


def _left(until: datetime | None, now: datetime, longest: timedelta) -> timedelta:
    # Clocks of machines differ a little, so up to twice the longest is still believed.
    if until is None or not now < until <= now + 2 * longest:
        return NONE
    return until - now
