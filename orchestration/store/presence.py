"""Proof of life: locks that the operating system frees when their holder dies."""

import fcntl
import os
from pathlib import Path

_mine: dict[Path, int] = {}  # descriptors of the files that this process has locked
os.register_at_fork(after_in_child=_mine.clear)


class FileLocks:
    """One locked file for each live worker of this machine.

    `lockf` belongs to the process, so a forked child does not inherit it; it is lost when any
    descriptor of the file is closed, so nobody in this process opens one of its own files again.

    Args:
        directory: Where the files are; it is made where it is missing.
    """

    proof_s = 0.0

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory.resolve()

    def hold(self, name: str) -> bool:
        """Take a lock until this process ends or lets go; False if it is taken, here too."""
        if self._path(name) in _mine:
            return False
        descriptor = locked(self._path(name), os.O_CREAT)
        if descriptor is None:
            return False
        _mine[self._path(name)] = descriptor
        return True

    def holds(self, name: str) -> bool:
        """Whether this process has it: nobody can take it away."""
        return self._path(name) in _mine

    def release(self, name: str) -> None:
        """Let go, and remove the file."""
        self._path(name).unlink(missing_ok=True)
        os.close(_mine.pop(self._path(name)))

    def is_free(self, name: str) -> bool:
        """Whether nobody holds it; the file of a dead holder is removed."""
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
        """Whether its holder locked a file here, and is dead; False for who never came here."""
        return self._path(name).exists() and self.is_free(name)

    def close(self) -> None:
        """What is still held is held until this process ends."""

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.lock"


def locked(path: Path, flags: int = 0) -> int | None:
    """A descriptor of a file that is locked by it; None: somebody else has the lock.

    Who lets go removes the file, so a lock is only worth something on the one that is there still;
    and only who has that lock may remove it.

    Args:
        path: The file.
        flags: What else it is opened with.

    Raises:
        FileNotFoundError: There is none, and it is not to be made.
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
    """Whether a descriptor is of the file that is there now."""
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
        """Whether it is taken."""
        return name in self._held

    def release(self, name: str) -> None:
        """Let go of it, as a death would."""
        self._held.discard(name)

    def is_free(self, name: str) -> bool:
        """Whether nobody holds it."""
        return name not in self._held

    def close(self) -> None:
        """Nothing here costs anybody anything."""
