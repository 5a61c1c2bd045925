"""The fair lock around write transactions on one SQLite file.

SQLite's own busy handler is unfair: of two busy writers one was starved for seconds. `flock`
queues its waiters. A holder that was stopped (SIGSTOP) would block every writer, so it is
identified by its process id and start time, and killed if it stays stopped.
"""

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

import psutil

PATIENCE_S = 5.0
SIZE = 80
NOBODY = b"\n".rjust(SIZE)
CLOSED = -1
AFTER_A_FORK = "it was opened before this process was forked: open it anew here"

_mine: WeakSet["WriteLock"] = WeakSet()  # the locks of this process


class WriteLock:
    """One descriptor of one process on the lock file beside the store.

    Args:
        path: The lock file; it is made where it is missing.

    Attributes:
        is_awaited: Whether this process waits for the lock.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._process = f"{os.getpid()} {psutil.Process().create_time()!r}"
        self._holds = 0
        self.is_awaited = False
        self._suspect = (NOBODY, 0.0)
        _mine.add(self)

    def acquire(self) -> None:
        """Wait for the lock, in order of arrival.

        Raises:
            OSError: The lock cannot be taken or signed; it is not held.
        """
        if self._file == CLOSED:
            raise OSError(errno.EBADF, AFTER_A_FORK)
        self.is_awaited = True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        finally:
            self.is_awaited = False
        self._holds += 1
        try:
            self._sign(f"{self._process} {self._holds}\n".rjust(SIZE).encode())
        except OSError:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            raise

    def release(self) -> None:
        """Release the lock; it has no known holder until the next one has signed."""
        with suppress(OSError):  # a full disk must not keep the others waiting
            self._sign(NOBODY)
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def holder_for(self, seconds: float) -> int | None:
        """The process that holds the lock, if it does not release it within so many seconds."""
        signature = os.pread(self._file, SIZE, 0)
        holder = _signer(signature)
        if holder is None:
            return None
        time.sleep(seconds)
        return holder.pid if os.pread(self._file, SIZE, 0) == signature else None

    def close(self) -> None:
        """Close the descriptor; that frees a held lock."""
        _mine.discard(self)
        os.close(self._file)
        self._file = CLOSED

    def end_stopped_holder(self) -> int | None:
        """Kill the holder if it has been stopped since a look at least `PATIENCE_S` ago.

        Returns:
            The holder's process id if it was killed.
        """
        try:
            signature = os.pread(self._file, SIZE, 0)
        except OSError:
            return None
        holder = _signer(signature)
        now = time.monotonic()
        suspect, since = self._suspect
        if holder is None or holder.pid == os.getpid() or not _is(holder, psutil.STATUS_STOPPED):
            self._suspect = (NOBODY, now)
        elif signature != suspect:
            self._suspect = (signature, now)
        elif now - since >= PATIENCE_S:
            with suppress(psutil.NoSuchProcess):
                holder.kill()
            return holder.pid
        return None

    def _sign(self, signature: bytes) -> None:
        os.pwrite(self._file, signature, 0)


def let_go() -> None:
    """Close the locks that a forked child inherited: it would keep those of a dead parent."""
    for each in list(_mine):
        each.close()


os.register_at_fork(after_in_child=let_go)


def _signer(signature: bytes) -> psutil.Process | None:
    """The process that signed, while it lives: a dead one no longer has the lock."""
    try:
        pid, created, _ = signature.split()
        signer = psutil.Process(int(pid))
        same = repr(signer.create_time()).encode() == created
    except (ValueError, psutil.Error):
        return None
    return signer if same and not _is(signer, psutil.STATUS_ZOMBIE) else None


def _is(process: psutil.Process, status: str) -> bool:
    try:
        return bool(process.status() == status)
    except psutil.Error:
        return False
