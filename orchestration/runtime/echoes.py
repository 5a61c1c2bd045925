"""How many messages may be published before they crowd out commands.

The bindings of `orchestration_queue` bring back messages that we publish for others, and beyond
10,000 messages that queue drops its head, which may be an agent's command.
"""

import math
import threading
import time
from collections.abc import Callable

from orchestration.bus import topology

MOST = 2_000
LOOK_BELOW = MOST // 2
LOOK_EVERY_S = 1.0

Look = Callable[[str, Callable[[int], None]], bool]


class Echoes:
    """Counts published messages, from each look at the queue to the next.

    Args:
        look: Asks how many messages wait in a queue, and calls back with that later, in another
            thread; False if it cannot ask now.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._mutex = threading.Lock()
        self._room = 0
        self._uncounted = 0
        self._asked_at = -math.inf
        self._is_asking = False

    def room(self, unconfirmed: int) -> int:
        """How many more messages may be published now.

        Args:
            unconfirmed: How many published messages may not have reached the queue yet.
        """
        now = time.monotonic()
        is_late = now - self._asked_at >= LOOK_EVERY_S
        if is_late or (self._room < LOOK_BELOW and not self._is_asking):
            with self._mutex:
                self._uncounted = unconfirmed
            self._is_asking = self._look(topology.QUEUE, self._count)
            self._asked_at = now if self._is_asking else -math.inf
        return max(0, self._room)

    def say(self, count: int) -> None:
        """Note that so many messages were published."""
        with self._mutex:
            self._room -= count
            self._uncounted += count

    def _count(self, waiting: int) -> None:
        with self._mutex:
            self._room = MOST - waiting - self._uncounted
            self._is_asking = False
