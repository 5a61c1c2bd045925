"""Who may be killed so that it hurts: looked up while the victim stands still."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.acceptance.processes import freeze

CLAIMS = (
    "SELECT COUNT(*) FROM steps s JOIN workers w ON w.id = s.owner"
    " WHERE w.pid = ? AND w.left_at IS NULL AND s.status = 'running'"
)


def claims(home: Path, pid: int) -> int:
    """How many attempts a worker process holds in the store."""
    with reading(home) as store:
        return int(store.execute(CLAIMS, (pid,)).fetchone()[0])


def workers(home: Path) -> set[int]:
    """The process ids of the workers that are not known to be gone, nor about to go."""
    with reading(home) as store:
        sql = "SELECT pid FROM workers WHERE left_at IS NULL AND draining = 0"
        return {row[0] for row in store.execute(sql)}


def is_writing(home: Path, pid: int) -> bool:
    """Whether a process holds the lock around write transactions."""
    with (home / "orchestration.db.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(lock.fileno(), 80, 0).split()[:1] == [str(pid).encode()]
        return False


@contextmanager
def reading(home: Path) -> Iterator[sqlite3.Connection]:
    store = sqlite3.connect(f"file:{home / 'orchestration.db'}?mode=ro", uri=True, timeout=10)
    try:
        yield store
    finally:
        store.close()


def strike(home: Path, victim: psutil.Process) -> str | None:
    """Kill a process if that hurts: what it held; None if it was spared and goes on."""
    try:
        freeze(victim)
        held = claims(home, victim.pid)
        writing = is_writing(home, victim.pid)
        if not held and not writing:
            victim.resume()
            return None
        victim.kill()
    except psutil.NoSuchProcess:
        return None
    return f"{held} claims{' and an open transaction' if writing else ''}"
