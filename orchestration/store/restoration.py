"""Restores a backup: prepared beside the store, then put in place in one step."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from orchestration.errors import StoreError
from orchestration.ports import Locks
from orchestration.store import backup, workers
from orchestration.store.lock import WriteLock
from orchestration.store.sqlite import TABLES, SqliteStore
from orchestration.store.sqlite_session import SqliteSession, connect

T = TypeVar("T")
DRAFT = "draft.db"
LEFT_BEHIND = ("-wal", "-shm")
WHY = "since what they do would be lost"


@contextmanager
def prepared(
    file: Path, beside: Path, revive: Callable[[SqliteStore], T]
) -> Iterator[tuple[Path, T]]:
    """A temporary copy of a backup, migrated and revived, and the result of `revive`.

    Args:
        file: The backup, which is not changed.
        beside: A directory on the disk of the future store.
        revive: Makes the copied store ready for use.

    Raises:
        StoreError: The file is no backup, is damaged, or is of a newer release.
    """
    if not file.is_file():
        raise StoreError(f"there is no file {file}: name a file that `backup` has made")
    with (
        backup.explained(file, backup.CURES_OF_A_FILE),
        TemporaryDirectory(prefix=".restoring-", dir=beside) as directory,
    ):
        draft = Path(directory) / DRAFT
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source:
            backup.check(source, file)
            with closing(sqlite3.connect(draft)) as target:
                source.backup(target)
        with closing(SqliteStore(draft, old=True)) as store:
            store.migrate()
            found = revive(store)
        yield draft, found


def put(draft: Path, locks: Locks, path: Path, *, replace: bool) -> None:
    """Put a prepared copy at the path of the store, all or nothing.

    Raises:
        StoreInUseError: Workers live there: one may have begun while the copy was prepared.
        StoreError: A store exists and may not be replaced, or it cannot be written.
    """
    if not path.exists():
        with backup.explained(path):
            for ending in LEFT_BEHIND:  # SQLite would read an old store's into this one
                path.with_name(path.name + ending).unlink(missing_ok=True)
            backup.sync(draft)
            draft.rename(path)
            backup.sync(path.parent)
        return
    if not replace:
        raise StoreError(f"{path} is there already: `--replace` gives it up for the backup")
    with backup.explained(path), ExitStack() as undo:
        lock = WriteLock(path.with_name(path.name + ".lock"))
        undo.callback(lock.close)
        lock.acquire()
        undo.callback(lock.release)
        source = undo.enter_context(closing(sqlite3.connect(draft)))
        target = undo.enter_context(closing(connect(path)))
        session = SqliteSession(target)
        if session.one(TABLES, "workers"):
            workers.refuse_live(session, locks, WHY)
        source.backup(target)
