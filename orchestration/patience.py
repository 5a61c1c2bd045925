"""Patience with a server or a store that is away for a while."""

import math
import time
from collections.abc import Callable

from orchestration.errors import OrchestrationError

RETRY_S = 1.0
LONGEST_S = 30.0


def keep_quiet(error: OrchestrationError) -> None:
    """Tell nobody why there is no answer."""


class Patience:
    """Waits before what was away is asked again, for half a minute in a row at most.

    Args:
        until: When it ends at the latest, in seconds of `monotonic`; default never.
        tell: Is told why there is no answer, once in a row.
        monotonic: Seconds that never jump.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        until: float = math.inf,
        tell: Callable[[OrchestrationError], None] = keep_quiet,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._until = until
        self._tell = tell
        self._monotonic = monotonic
        self._sleep = sleep
        self._end: float | None = None

    def renew(self) -> None:
        """Count anew: there was an answer."""
        self._end = None

    def rest(self) -> None:
        """Wait a moment, though nothing was away."""
        self._sleep(RETRY_S)

    def bear(self, error: OrchestrationError, after_s: float = 0.0) -> None:
        """Wait a moment, after which to ask again.

        Args:
            error: Why there was no answer.
            after_s: How long to wait, if what is away has said so.

        Raises:
            OrchestrationError: `error`: it is away for long, or there is no time left.
        """
        now, is_first = self._monotonic(), self._end is None
        end = self._end = min(now + LONGEST_S, self._until) if self._end is None else self._end
        if now >= end:
            raise error from None
        if is_first:
            self._tell(error)
        self._sleep(min(max(after_s, RETRY_S), end - now))
