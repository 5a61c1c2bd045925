"""Checks that no worker of another machine uses the same store file.

File locks hold within one machine (containers of one machine included). A worker of another
machine that beats into the same file looks dead from here: its lock is free. Each would take over
from the other, so the worker that starts second refuses.
"""

import time

from orchestration.errors import StoreInUseError
from orchestration.ports import Locks, Store
from orchestration.store import workers
from orchestration.store.workers import WorkerRow

LOOK_S = 5.0  # two beats and a little more
POLL_S = 0.1


def require_one_machine(store: Store, locks: Locks, host: str) -> None:
    """Refuse a store in which a worker beats whose lock is free: it is on another machine.

    Waits for a beat only if a worker of another host is listed whose lock is free.

    Raises:
        StoreInUseError: There is such a worker.
    """
    if locks.proof_s:  # a server's locks hold for all machines
        return
    before = {row.id: row for row in strangers(store, locks, host)}
    end = time.monotonic() + LOOK_S
    while before and time.monotonic() < end:
        time.sleep(POLL_S)
        for row in strangers(store, locks, host):
            if row.id in before and row.beat != before[row.id].beat:
                raise StoreInUseError(
                    f"{row.host}:{row.pid} works on this store from another machine than {host}:"
                    " a file serves one machine alone; set DATABASE_URL=postgresql://… for all"
                )


def strangers(store: Store, locks: Locks, host: str) -> list[WorkerRow]:
    """Workers of other hosts whose locks are free."""
    present = store.read(workers.present)
    return [row for row in present if row.host != host and locks.is_free(row.id)]
