"""How a verb that serves waits for the signal that ends it."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[Callable[[], object]]:
    """Yield what waits for the first stop signal; the others, then and later, change nothing.

    The interpreter writes a byte for each signal, whichever thread the system gave it to. A
    handler would only run once the main thread wakes up, and a lock does not wake it.
    """
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    with reader, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda _number, _frame: None)
        try:
            yield lambda: reader.recv(1)
        finally:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
