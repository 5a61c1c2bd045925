"""Patience with a server or a store that is away for a while."""

import math
import time

from orchestration.errors import OrchestrationError

RETRY_S = 1.0
MOST_RETRIES = 30
LONGEST_S = 30.0


class Patience:
    """Waits before what was away is asked again, so many times in a row.

    Args:
        until: When it ends at the latest, in seconds of `time.monotonic`; default never.
    """

    def __init__(self, until: float = math.inf) -> None:
        self._until = until
        self._failures = 0

    def renew(self) -> None:
        """Count anew: there was an answer."""
        self._failures = 0

    def bear(self, error: OrchestrationError, after_s: float = 0.0) -> None:
        """Wait a moment, after which to ask again.

        Args:
            error: Why there was no answer.
            after_s: How long to wait, if what is away has said so.

        Raises:
            OrchestrationError: `error`: there were too many in a row, or there is no time left.
        """
        self._failures += 1
        left = self._until - time.monotonic()
        if self._failures > MOST_RETRIES or left <= 0:
            raise error from None
        time.sleep(min(max(after_s, RETRY_S), LONGEST_S, left))
