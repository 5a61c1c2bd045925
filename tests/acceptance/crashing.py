"""A whole fleet in one process on RabbitMQ, which dies at a failpoint once it is told to begin.

    python -m tests.acceptance.crashing [POINT [OPERATION]]

It begins once the file that `CRASH_ARMED` names is there. It dies as by a power cut: nothing is
logged, flushed or closed.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from orchestration import failpoints, settings
from orchestration.bus.address import address_in
from orchestration.failpoints import Failpoint
from orchestration.runtime.serving import serving_on
from tests.acceptance.witnessed import app

ARMED = "CRASH_ARMED"


def die_at(point: Failpoint, operation: str | None) -> None:
    """Let this process die at a failpoint."""
    armed = Path(os.environ[ARMED])

    def listener(reached: Failpoint, about: Any = None) -> None:
        named = operation is None or failpoints.name_of(about) == operation
        if reached is point and named and armed.exists():
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.listen(listener)


def main(words: list[str]) -> None:
    """Serve until SIGTERM."""
    if words:
        die_at(Failpoint(words[0]), words[1] if len(words) > 1 else None)
    found = settings.load()
    address = address_in(found)
    assert address is not None
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    with serving_on(address, app, found):
        print("ready", flush=True)  # noqa: T201 - for the test that waits
        while not ending.wait(1):
            pass


if __name__ == "__main__":
    main(sys.argv[1:])
