"""Proof of life: locks that the operating system frees when their holder dies."""

import fcntl
import os
from pathlib import Path

_mine: dict[Path, int] = {}  # descriptors of the files that this process has locked
os.register_at_fork(after_in_child=_mine.clear)


class FileLocks:
    """One locked file for each live worker of this machine.

    A `lockf` lock belongs to the process, so a forked child does not inherit it; it is lost when
    any descriptor of the file is closed, so this process never opens one of its own files again.

    Args:
        directory: Where the files are; made if missing.
    """

    proof_s = 0.0

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory.resolve()

    def hold(self, name: str) -> bool:
        """Take a lock until this process ends or releases it; False if any process has it."""
        if self._path(name) in _mine:
            return False
        descriptor = locked(self._path(name), os.O_CREAT)
        if descriptor is None:
            return False
        _mine[self._path(name)] = descriptor
        return True

    def holds(self, name: str) -> bool:
        """Whether this process has the lock, which no other can take away."""
        return self._path(name) in _mine

    def release(self, name: str) -> None:
        """Release the lock, and remove its file."""
        self._path(name).unlink(missing_ok=True)
        os.close(_mine.pop(self._path(name)))

    def is_free(self, name: str) -> bool:
        """Whether no process holds the lock; the file of a dead holder is removed."""
        if self._path(name) in _mine:
            return False
        try:
            descriptor = locked(self._path(name))
        except FileNotFoundError:
            return True
        if descriptor is None:
            return False
        self._path(name).unlink(missing_ok=True)
        os.close(descriptor)
        return True

    def shows_death(self, name: str) -> bool:
        """Whether the lock's holder is dead; False if it never locked a file on this machine."""
        return self._path(name).exists() and self.is_free(name)

    def close(self) -> None:
        """Do nothing: locks that are still held are held until this process ends."""

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.lock"


def locked(path: Path, flags: int = 0) -> int | None:
    """A descriptor that holds the lock of a file; None: another process has it.

    The holder removes the file before it releases the lock, so a lock counts only if its file is
    still at the path; and only the holder of that lock may remove it.

    Args:
        path: The file.
        flags: Further flags to open it with.

    Raises:
        FileNotFoundError: There is no file, and `flags` do not create it.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if is_of(descriptor, path):
            return descriptor
        os.close(descriptor)


def is_of(descriptor: int, path: Path) -> bool:
    """Whether a descriptor is of the file that is at the path now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


class MemoryLocks:
    """Locks of the workers of one process: for tests and simulation."""

    proof_s = 0.0

    def __init__(self) -> None:
        self._held: set[str] = set()

    def hold(self, name: str) -> bool:
        """Take a lock; False if it is taken."""
        taken = name in self._held
        self._held.add(name)
        return not taken

    def holds(self, name: str) -> bool:
        """Whether the lock is taken."""
        return name in self._held

    def release(self, name: str) -> None:
        """Release the lock, as a death would."""
        self._held.discard(name)

    def is_free(self, name: str) -> bool:
        """Whether the lock is free."""
        return name not in self._held

    def close(self) -> None:
        """Do nothing: there is nothing to free."""
