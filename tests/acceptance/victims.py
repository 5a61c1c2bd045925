"""Who may be killed so that it hurts: looked up while the victim stands still."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from orchestration.ports import Session, Store
from tests.acceptance.processes import freeze

LAST_CHANCE = 2  # a third loss fails a step, by design
WORKERS = "SELECT pid FROM workers WHERE left_at IS NULL AND draining = 0"
CLAIMS = (
    "SELECT COUNT(*), COALESCE(MAX(s.losses), 0) FROM steps s JOIN workers w ON w.id = s.owner"
    " WHERE w.pid = ? AND w.left_at IS NULL AND s.status = 'running'"
)


def claims(store: Store, pid: int) -> tuple[int, int]:
    """How many attempts a worker process holds, and how often the unluckiest step was lost."""

    def look(session: Session) -> tuple[int, int]:
        count, losses = session.one(CLAIMS, pid) or (0, 0)
        return int(count), int(losses)

    return store.read(look)


def workers_of(store: Store) -> set[int]:
    """The process ids of the workers that are not known to be gone, nor about to go."""
    return {row[0] for row in store.read(lambda s: s.all(WORKERS))}


def workers(home: Path) -> set[int]:
    """The same of the store in a home, which this process does not open."""
    with reading(home) as store:
        return {row[0] for row in store.execute(WORKERS)}


@contextmanager
def reading(home: Path) -> Iterator[sqlite3.Connection]:
    store = sqlite3.connect(f"file:{home / 'orchestration.db'}?mode=ro", uri=True, timeout=10)
    try:
        yield store
    finally:
        store.close()


def is_writing(home: Path | None, pid: int) -> bool:
    """Whether a process holds the lock around write transactions on a file."""
    if home is None:
        return False
    with (home / "orchestration.db.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(lock.fileno(), 80, 0).split()[:1] == [str(pid).encode()]
        return False


def hold_of(store: Store, home: Path | None, victim: psutil.Process) -> str | None:
    """What a process that was just stopped holds, if its death would hurt; else it goes on.

    It is also spared if the kill would be the third loss of a step: that fails its run, as it
    should, and a run that is meant to complete could not.
    """
    freeze(victim)
    try:
        held, losses = claims(store, victim.pid)
        writing = is_writing(home, victim.pid)
    except BaseException:
        victim.resume()
        raise
    if losses >= LAST_CHANCE or not (held or writing):
        victim.resume()
        return None
    return f"{held} claims{' and an open transaction' if writing else ''}"


def strike(store: Store, home: Path | None, victim: psutil.Process) -> str | None:
    """Kill a process if that hurts: what it held; None if it was spared and goes on."""
    try:
        held = hold_of(store, home, victim)
        if held is not None:
            victim.kill()
    except psutil.NoSuchProcess:
        return None
    return held


def freeze_if_busy(store: Store, home: Path | None, victim: psutil.Process) -> bool:
    """Stop a process for good, if it holds a claim and no lock that others wait for."""
    held = hold_of(store, home, victim)
    if held is not None and "transaction" in held:
        victim.resume()
        return False
    return held is not None
