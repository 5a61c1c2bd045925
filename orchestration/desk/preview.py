"""What was shown before many things are changed, so that nothing else is: known by a digest."""

import hashlib
from collections.abc import Iterable

from orchestration.errors import RejectedError, StateError

UNSEEN = "shown: say what is meant, by `shown` of a preview of the same change"


def digest(names: Iterable[object]) -> str:
    """By which it is known again that these were shown, in whatever order."""
    text = "\n".join(sorted(map(str, names)))
    return hashlib.sha256(text.encode()).hexdigest()


def check(shown: str | None, names: Iterable[object]) -> None:
    """Go on only with what was shown.

    Args:
        shown: The digest that came with the preview.
        names: What would be changed now.

    Raises:
        RejectedError: Nothing says that any of it was shown.
        StateError: It is not what was shown.
    """
    if not shown:
        raise RejectedError(UNSEEN)
    if shown != digest(names):
        raise StateError("what would be changed is no longer what was shown: look again")
