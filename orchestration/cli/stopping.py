"""Lets a serving verb wait for the signal that ends it."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[Callable[[], object]]:
    """Yield a function that waits for the first stop signal; further signals are ignored.

    The interpreter writes a byte for each signal, whichever thread the system delivered it to. A
    handler would run only once the main thread wakes up, and a lock does not wake it.
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
