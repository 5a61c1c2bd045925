"""How discovery's workers are stopped, cleared and started again, whoever they are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import sleep
from typing import Any, Protocol, TypeVar

from actors.discovery.errors import AbandonedError
from orchestration import Context
from orchestration.clock import SystemClock

POLL_S = 0.2
CLOCK = SystemClock()

Answer = dict[str, Any]
Facts = Mapping[str, Any]
Found = TypeVar("Found", bound=Sequence[object])


class Controller(Protocol):
    """One kind of workers. Every verb may be repeated, by another process, after any crash."""

    def stop(self, context: Context, *, force: bool, grace: timedelta) -> Answer:
        """Take no new work, and return once every worker has stopped.

        Args:
            context: The step that asks.
            force: Whether work that is not done after `grace` is broken off.
            grace: How long workers may take to finish what they do.

        Raises:
            AlreadyRestartingError: Another run is at it.
            WorkersBusyError: Some go on; new work is taken again.
        """
        ...

    def resume(self, context: Context) -> Answer:
        """Take new work again, if `stop` in this run has ended that."""
        ...

    def clear(self, context: Context) -> Answer:
        """Remove the work that waits; report what there was and what is left."""
        ...

    def restart(self, context: Context, stopped: Answer) -> Answer:
        """Take new work again, and return once workers have proved that they do.

        Args:
            context: The step that asks.
            stopped: What `stop` returned.

        Raises:
            ServiceError: No worker came, or none did the work.
        """
        ...

    def look(self) -> Facts:
        """Return how the workers are.

        Raises:
            ServiceError: Nobody would take work.
        """
        ...


def await_until(
    context: Context, look: Callable[[], Found], enough: Callable[[Found], bool], span: timedelta
) -> Found:
    """Look again and again until it is enough or the time is over; what was seen last.

    Raises:
        AbandonedError: The attempt has lost its claim.
    """
    begun = CLOCK.monotonic()
    while True:
        found = look()
        passed = CLOCK.monotonic() - begun
        if enough(found) or passed > span.total_seconds():
            return found
        if context.cancelled:
            raise AbandonedError("this attempt has lost its claim: nothing was undone here")
        sleep(POLL_S)
