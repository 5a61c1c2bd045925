"""Finds victims whose death would hurt: each is examined while it is stopped."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestration.ports import Session, Store
from tests.acceptance.cluster import Cluster
from tests.acceptance.processes import freeze

LAST_CHANCE = 2  # a third loss fails a step, by design
WORKERS = "SELECT pid FROM workers WHERE left_at IS NULL AND draining = 0"
CLAIMS = (
    "SELECT COUNT(*), COALESCE(MAX(s.losses), 0) FROM steps s JOIN workers w ON w.id = s.owner"
    " WHERE w.pid = ? AND w.left_at IS NULL AND s.status = 'running'"
)
SENT = "SELECT COUNT(*) FROM steps WHERE status = 'queued'"
WRITING = (
    "SELECT client_port FROM pg_stat_activity WHERE application_name = 'orchestration writer'"
    " AND xact_start IS NOT NULL AND wait_event IS DISTINCT FROM 'advisory'"
)
ROWS = Path("/proc/net/tcp")


@dataclass(frozen=True)
class Place:
    """The place of a fleet's store.

    Attributes:
        home: The directory of the SQLite file, if it is one.
        cluster: The PostgreSQL server of the store, if it has one.
    """

    store: Store
    home: Path | None = None
    cluster: Cluster | None = None

    def is_writing(self, pid: int) -> bool:
        """Whether a process has an open write transaction."""
        if self.home is not None:
            return has_lock(self.home, pid)
        assert self.cluster is not None
        writing = {port for (port,) in self.cluster.tell(WRITING)}
        return bool(writing & ports_of(pid, self.cluster.port))

    def sent(self) -> int:
        """How many messages to workers are under way."""
        return int(self.store.read(lambda s: s.one(SENT) or [0])[0])


def ports_of(pid: int, server: int) -> set[int]:
    """The local port of each connection of a process to a server of this machine."""
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(pid).net_connections(kind="tcp")
        return {each.laddr.port for each in found if tuple(each.raddr)[1:] == (server,)}
    return set()


def unread(server: int) -> dict[int, int]:
    """The bytes that a server has not read yet, by the client's port of each connection."""
    found = {}
    for row in ROWS.read_text().splitlines()[1:]:
        words = row.split()
        here, there = (int(end.partition(":")[2], 16) for end in words[1:3])
        if here == server:
            found[there] = int(words[4].partition(":")[2], 16)
    return found


def claims(store: Store, pid: int) -> tuple[int, int]:
    """How many attempts a worker process holds, and the most losses of a step among them."""

    def look(session: Session) -> tuple[int, int]:
        count, losses = session.one(CLAIMS, pid) or (0, 0)
        return int(count), int(losses)

    return store.read(look)


def workers_of(store: Store) -> set[int]:
    """The process ids of the workers that are neither known to be gone, nor draining."""
    return {row[0] for row in store.read(lambda s: s.all(WORKERS))}


def workers(home: Path) -> set[int]:
    """The same for the store in a home, read without opening it as a store."""
    with reading(home) as store:
        return {row[0] for row in store.execute(WORKERS)}


@contextmanager
def reading(home: Path) -> Iterator[sqlite3.Connection]:
    store = sqlite3.connect(f"file:{home / 'orchestration.db'}?mode=ro", uri=True, timeout=10)
    try:
        yield store
    finally:
        store.close()


def has_lock(home: Path, pid: int) -> bool:
    """Whether a process holds the lock around write transactions on a file."""
    with (home / "orchestration.db.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(lock.fileno(), 80, 0).split()[:1] == [str(pid).encode()]
        return False


def hold_of(place: Place, victim: psutil.Process) -> str | None:
    """What a just stopped worker holds, if its death would hurt; if not, it is let go on.

    A worker is also spared if its death would be the third loss of a step: that rightly fails the
    run, and a run that is meant to complete could not.
    """
    freeze(victim)
    try:
        held, losses = claims(place.store, victim.pid)
        writing = place.is_writing(victim.pid)
    except BaseException:
        victim.resume()
        raise
    if losses >= LAST_CHANCE or not (held or writing):
        victim.resume()
        return None
    if not held:
        return "an open transaction"
    return "claims and an open transaction" if writing else "claims"
