"""Finds queues that only grow: their depth has risen at each of several looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

RISES = 4
DEEP = 100


@dataclass(slots=True)
class Depths:
    """The depths of queues as one process has seen them."""

    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    def look(self, depths: Mapping[str, int]) -> dict[str, int]:
        """The depth of each queue that has risen at the last `RISES` looks, to `DEEP` at least.

        Args:
            depths: The current depth of each queue; a queue that is left out begins anew.
        """
        before, self._seen = self._seen, {}
        for name, depth in depths.items():
            last, rises = before.get(name, (depth, 0))
            self._seen[name] = (depth, rises + 1 if depth > last else 0)
        return {
            name: depth
            for name, (depth, rises) in self._seen.items()
            if rises >= RISES and depth >= DEEP
        }
