"""Jobs that RQ's workers do in tests."""

import time
from pathlib import Path


def hold(name: str) -> str:
    """Write that it has begun, and run until it is told to end."""
    path = Path(name)
    path.with_suffix(".begun").touch()
    while not path.exists():
        time.sleep(0.02)
    path.with_suffix(".ended").touch()
    return "done"


def note(name: str) -> None:
    """Leave a line behind."""
    with Path(name).open("a") as file:
        file.write("done\n")
