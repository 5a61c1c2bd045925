"""The preview of a bulk change, known by a digest, so that only what was shown is changed."""

import hashlib
from collections.abc import Iterable

from orchestration.errors import RejectedError, StateError

UNSEEN = "shown: say what is meant, by `shown` of a preview of the same change"


def digest(names: Iterable[object]) -> str:
    """The digest of the names that a preview showed, whatever their order."""
    text = "\n".join(sorted(map(str, names)))
    return hashlib.sha256(text.encode()).hexdigest()


def check(shown: str | None, names: Iterable[object]) -> None:
    """Go on only if a preview showed exactly these names.

    Args:
        shown: The digest that came with the preview.
        names: What would be changed now.

    Raises:
        RejectedError: No digest was given.
        StateError: The preview showed other names.
    """
    if not shown:
        raise RejectedError(UNSEEN)
    if shown != digest(names):
        raise StateError("what would be changed is no longer what was shown: look again")
