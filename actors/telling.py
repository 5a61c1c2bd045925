"""How a long step reports progress or waits, and ends when its attempt is cancelled."""

from collections.abc import Callable
from time import sleep

from actors.errors import require_wanted
from orchestration import Context
from orchestration.clock import SystemClock
from trading.progress import OnProgress

LOOKS_EVERY_S = 1.0
CLOCK = SystemClock()


def telling(context: Context, begin: float = 0.0, end: float = 1.0) -> OnProgress:
    """Return a function for long computations to call, which reports their progress, or ends them.

    It raises `AbandonedError` once the attempt is cancelled, so that the computation stops, too.

    Args:
        context: The attempt.
        begin: How much of the step is done, 0 to 1, when the computation begins.
        end: How much of it is done when the computation has ended.
    """

    def tell(done: float, text: str) -> None:
        require_wanted(context)
        context.progress(begin + done * (end - begin), text)

    return tell


def waiting(context: Context) -> Callable[[float], None]:
    """Return a function that waits for so many seconds.

    It raises `AbandonedError` soon after the attempt is cancelled.
    """

    def wait(seconds: float) -> None:
        end = CLOCK.monotonic() + seconds
        require_wanted(context)
        while (left := end - CLOCK.monotonic()) > 0:
            sleep(min(left, LOOKS_EVERY_S))
            require_wanted(context)

    return wait
