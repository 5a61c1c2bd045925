"""How a long computation reports progress, and ends when its attempt is cancelled."""

from actors.discovery.errors import AbandonedError
from orchestration import Context
from trading.progress import OnProgress


def telling(context: Context) -> OnProgress:
    """Return a function for long computations to call, which reports their progress, or ends them.

    It raises `AbandonedError` once the attempt is cancelled, so that the computation stops, too.
    """

    def tell(done: float, text: str) -> None:
        if context.cancelled:
            raise AbandonedError("this attempt is cancelled: the computation was given up")
        context.progress(done, text)

    return tell
