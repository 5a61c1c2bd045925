"""How a computation tells its progress, and hears that nobody wants it any more."""

from actors.discovery.errors import AbandonedError
from orchestration import Context
from trading.progress import OnProgress


def telling(context: Context) -> OnProgress:
    """What long computations call: it tells how far they are, or ends them.

    It raises `AbandonedError` once the attempt is cancelled, so that a stop is one here, too.
    """

    def tell(done: float, text: str) -> None:
        if context.cancelled:
            raise AbandonedError("this attempt is cancelled: the computation was given up")
        context.progress(done, text)

    return tell
