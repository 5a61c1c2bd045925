"""The fair lock around write transactions on one SQLite file.

SQLite's own busy handler is unfair: of two busy writers one was starved for seconds. `flock`
queues its waiters. A holder that was stopped (SIGSTOP) would block everybody, so it is found
out by its process id and start time, and ended.
"""

import fcntl
import os
from pathlib import Path

import psutil


class WriteLock:
    """One descriptor of one process on the lock file beside the store.

    Args:
        path: The lock file; it is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        started = psutil.Process().create_time()
        self._signature = f"{os.getpid()} {started!r}\n".ljust(40).encode()

    def acquire(self) -> None:
        """Wait in line for the lock."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.pwrite(self._file, self._signature, 0)

    def release(self) -> None:
        """Let the next one in."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the descriptor; a held lock is free then."""
        os.close(self._file)

    def end_stopped_holder(self) -> int | None:
        """End the holder if it was stopped while it held the lock.

        Returns:
            Its process id if it was ended.
        """
        try:
            words = os.pread(self._file, 80, 0).split()
            holder = psutil.Process(int(words[0]))
            same = repr(holder.create_time()).encode() == words[1]
            if same and holder.pid != os.getpid() and holder.status() == psutil.STATUS_STOPPED:
                holder.kill()
                return holder.pid
        except (IndexError, OSError, psutil.Error):
            pass
        return None
