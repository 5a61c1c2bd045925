"""How long computations tell their caller how far they are."""

from collections.abc import Callable

OnProgress = Callable[[float, str], None]
"""Called with the finished fraction (0..1) and one line about the present piece of work."""


def unheard(_fraction: float, _message: str) -> None:
    """Ignore the progress: the default listener."""
