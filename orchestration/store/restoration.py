"""A backup is put back: made ready beside the store, then taken into use in one step."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from orchestration.errors import StoreError
from orchestration.store import backup
from orchestration.store.lock import WriteLock
from orchestration.store.sqlite import SqliteStore
from orchestration.store.sqlite_session import connect

T = TypeVar("T")
DRAFT = "draft.db"
LEFT_BEHIND = ("-wal", "-shm")


@contextmanager
def prepared(
    file: Path, beside: Path, revive: Callable[[SqliteStore], T]
) -> Iterator[tuple[Path, T]]:
    """A copy of a backup, migrated and revived, and what reviving it gave; it is gone afterwards.

    Args:
        file: The backup, which stays as it is.
        beside: A directory on the disk where the copy is wanted.
        revive: Makes a store of it that may be taken into use.

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


def put(draft: Path, path: Path, *, replace: bool) -> None:
    """Let a prepared copy be the store at a path, all or nothing.

    Raises:
        StoreError: There is something, or it cannot be written.
    """
    if not path.exists():
        with backup.explained(path):
            for ending in LEFT_BEHIND:  # SQLite would take what is in them for a part of this one
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
        source.backup(undo.enter_context(closing(connect(path))))
