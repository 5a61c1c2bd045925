"""How discovery's workers, of any kind, are stopped, cleared and started again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import sleep
from typing import Any, Protocol, TypeVar

from actors.errors import require_wanted
from orchestration import Context
from orchestration.clock import SystemClock

POLL_S = 0.2
CLOCK = SystemClock()

Answer = dict[str, Any]
Facts = Mapping[str, Any]
Found = TypeVar("Found", bound=Sequence[object])


class Controller(Protocol):
    """Controls one kind of workers; every method may be repeated, after any crash, elsewhere."""

    def stop(self, context: Context, *, force: bool, grace: timedelta) -> Answer:
        """Take no new work, and return once every worker has stopped.

        Args:
            context: The step that asks.
            force: Whether jobs that are not done after `grace` are broken off.
            grace: How long workers may take to finish their jobs.

        Raises:
            AlreadyRestartingError: Another run restarts discovery.
            WorkersBusyError: Some workers have not stopped; new work is taken again.
        """
        ...

    def resume(self, context: Context) -> Answer:
        """Take new work again, if `stop` in this run has stopped that."""
        ...

    def clear(self, context: Context) -> Answer:
        """Remove the waiting work; report what there was and what is left."""
        ...

    def restart(self, context: Context, stopped: Answer) -> Answer:
        """Take new work again, and return once workers have proved that they do.

        Args:
            context: The step that asks.
            stopped: What `stop` returned.

        Raises:
            ServiceError: No worker started, or none did the work.
        """
        ...

    def look(self) -> Facts:
        """Return the state of the workers.

        Raises:
            ServiceError: No worker would take work.
        """
        ...


def await_until(
    context: Context, look: Callable[[], Found], enough: Callable[[Found], bool], span: timedelta
) -> Found:
    """Look until the result is enough or the time is over; return the last result.

    Raises:
        AbandonedError: The attempt has lost its claim.
    """
    begun = CLOCK.monotonic()
    while True:
        found = look()
        passed = CLOCK.monotonic() - begun
        if enough(found) or passed > span.total_seconds():
            return found
        require_wanted(context)
        sleep(POLL_S)
