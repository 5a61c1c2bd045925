"""A worker thread's work after one message: an attempt, and those that follow at once."""

from collections.abc import MutableMapping
from dataclasses import dataclass

from orchestration.engine import Claim, Held


@dataclass(slots=True)
class Attempt:
    """An attempt in this process, from before its claim is committed until after its end.

    Attributes:
        held: Its key and number.
        entered: The key by which the gate knows its thread.
        thread: The thread that works on it; None: none yet.
        claim: Its claim; None until that is known to be committed.
    """

    held: Held
    entered: object
    claim: Claim | None = None
    fraction: float = 0.0
    message: str = ""
    dirty: bool = False
    cancelled: bool = False
    thread: int | None = None

    def report(self, fraction: float, message: str) -> None:
        """Note progress; the keeper writes it soon."""
        self.fraction, self.message = fraction, message
        self.dirty = True


class Errand:
    """A thread's attempts, one after the other; each is in memory before its claim is committed.

    Args:
        attempts: Every attempt that this process holds.
        first: The attempt that the message was about, one of those.
    """

    def __init__(self, attempts: MutableMapping[Held, Attempt], first: Attempt) -> None:
        self._attempts = attempts
        self._next: Attempt | None = None
        self._claim: Claim | None = None
        self.attempt: Attempt | None = first

    def take_on(self, claim: Claim | None) -> None:
        """Note which claim is written together with the end of the attempt; the last call counts.

        While the commit is in doubt, the claim counts as held.
        """
        self._forget_next()
        if claim is not None and self.attempt is not None:
            held = claim.key, claim.attempt
            self._claim = claim
            self._next = self._attempts[held] = Attempt(held, self.attempt.entered)

    def go_on(self, *, done: bool) -> None:
        """Drop the attempt, and if `done` go on with the one that was claimed with its end."""
        if not done:
            self._forget_next()
        if self.attempt is not None:
            del self._attempts[self.attempt.held]
        self.attempt, self._next = self._next, None
        if self.attempt is not None:
            self.attempt.claim = self._claim

    def _forget_next(self) -> None:
        if self._next is not None:
            del self._attempts[self._next.held]
            self._next = None
