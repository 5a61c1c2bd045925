"""A file that cannot be used, a disk that is full, a statement that is wrong."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestration.errors import InDoubtError, StoreError
from orchestration.store import sqlite, sqlite_session
from orchestration.store.group import Operation
from orchestration.store.sqlite import MemoryStore, SqliteStore
from orchestration.store.sqlite_session import connect, run_all

READ = "SELECT subject FROM audit"
NOBODY = 65_534


def put(value: str) -> str:
    return f"INSERT INTO audit (at, actor, action, subject) VALUES (0, '', '', '{value}')"


def refusal(store: SqliteStore) -> str | None:
    """Why a write was refused, if it was."""
    try:
        store.write(lambda s: s.run(put("x" * 30_000)))
    except StoreError as error:
        return str(error)
    return None


def counted(store: SqliteStore) -> int:
    row = store.read(lambda s: s.one("SELECT COUNT(*) FROM audit"))
    assert row is not None
    return int(row[0])


class TestUnusable:
    def test_a_file_that_is_no_database_is_named_with_a_cure(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.txt"
        path.write_text("Dear store, " * 1_000)
        with pytest.raises(StoreError, match=r"letter\.txt: file is not a database; name another"):
            SqliteStore(path)
        assert path.read_text() == "Dear store, " * 1_000

    def test_a_missing_directory_is_named_with_a_cure(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"check that .* the directory is writable"):
            SqliteStore(tmp_path / "missing" / "store.db")

    def test_a_directory_that_may_not_be_written_is_named_with_a_cure(self, tmp_path: Path) -> None:
        with read_only(tmp_path), pytest.raises(StoreError, match="the directory is writable"):
            SqliteStore(tmp_path / "store.db")

    def test_a_refused_store_leaves_nothing_open(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.txt"
        path.write_text("Dear store, " * 1_000)
        with pytest.raises(StoreError):
            SqliteStore(path)
        mine = psutil.Process().open_files()
        assert not [file for file in mine if file.path.startswith(str(tmp_path))]


class TestFull:
    def test_after_room_was_made_a_full_disk_is_no_trouble_any_more(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk") as disk:
            store = SqliteStore(disk / "store.db")
            store.write(lambda s: s.run(put("first")))
            filler = disk / "filler"
            with pytest.raises(OSError, match="No space"):
                filler.write_bytes(bytes(8_000_000))
            refusals = list(filter(None, (refusal(store) for _ in range(300))))
            assert len(refusals) > sqlite.COMMITS_PER_CHECKPOINT
            assert all("disk has room" in each for each in refusals)
            assert store.read(lambda s: s.one(READ)) == ("first",)
            filler.unlink()
            written = counted(store)
            store.write(lambda s: s.run(put("after")))
            assert counted(store) == written + 1
            store.close()

    def test_a_store_that_may_not_grow_is_usable_again_once_something_is_deleted(
        self, tmp_path: Path
    ) -> None:
        store = SqliteStore(tmp_path / "store.db")
        pages = store.write(lambda s: s.one("PRAGMA page_count"))
        assert pages is not None
        store.write(lambda s: s.run(f"PRAGMA max_page_count = {pages[0] + 20}"))
        refusals = list(filter(None, (refusal(store) for _ in range(20))))
        assert "full; check that the disk has room" in refusals[0]
        store.write(lambda s: s.run("DELETE FROM audit"))
        assert store.write(lambda s: s.changed(put("after"))) == 1
        store.close()


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Be somebody who may look into a directory, but not write there."""
    outside = [parent for parent in directory.parents if parent.stat().st_mode & 0o5 != 0o5]
    for parent in outside:
        parent.chmod(parent.stat().st_mode | 0o5)
    directory.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        directory.chmod(0o700)


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of 2 MB, where mounting one is allowed."""
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(at)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


@pytest.mark.parametrize(
    ("sql", "value", "error"),
    [
        ("INSERT INTO plans (digest, body) VALUES ('a', ?)", None, sqlite3.IntegrityError),
        ("SELECT * FROM nowhere WHERE 1 = ?", 1, sqlite3.OperationalError),
        ("SELECT 1", 1, sqlite3.ProgrammingError),
        ("SELECT ?", object(), sqlite3.ProgrammingError),
    ],
)
def test_a_wrong_statement_is_its_callers_error_and_nobody_elses(
    tmp_path: Path, sql: str, value: object, error: type[sqlite3.Error]
) -> None:
    for store in (SqliteStore(tmp_path / "store.db"), MemoryStore()):
        with pytest.raises(error):
            store.write(
                lambda s: (s.changed("INSERT INTO plans VALUES ('b', 'c')"), s.changed(sql, value))
            )
        assert store.read(lambda s: s.all("SELECT * FROM plans")) == []
        store.close()


def test_a_full_disk_is_the_stores_error(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    store.write(lambda s: s.run("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreError, match="full"):
        store.write(lambda s: s.run("INSERT INTO plans VALUES ('b', ?)", "c" * 1_000_000))
    store.close()


def test_who_writes_without_our_lock_holds_a_batch_up_once_and_not_for_each_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def counting(connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[object]:
        tries.append(len(operations))
        return run_all(connection, operations)

    monkeypatch.setattr(sqlite_session, "PATIENCE_S", 0.05)
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    monkeypatch.setattr(sqlite, "run_all", counting)
    with closing(store), closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        refused = store.write_many([lambda s: s.run(put("a")), lambda s: s.run(put("b"))])
        assert [type(each) for each in refused] == [StoreError] * 2
        assert "locked" in str(refused[0])
        assert tries == [2]
        stranger.execute("ROLLBACK")
        both = store.write_many([lambda s: s.run(put("a")), lambda s: s.run(put("b"))])
        assert both == [None] * 2
        assert counted(store) == 2


class Failing(sqlite3.Connection):
    """A disk that writes, and fails to sync."""

    fails = False

    def execute(self, sql: str, /, *values: Any) -> sqlite3.Cursor:
        done = super().execute(sql, *values)
        if self.fails and sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return done


def test_a_commit_that_is_written_and_not_synced_is_in_doubt_and_never_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "connect", lambda path: connect(path, Failing))
    store = SqliteStore(tmp_path / "store.db")
    with closing(store), monkeypatch.context() as trouble:
        trouble.setattr(Failing, "fails", True)
        both = store.write_many([lambda s: s.run(put("a")), lambda s: s.run(put("b"))])
        assert [type(each) for each in both] == [InDoubtError] * 2
        assert "look whether it is there before you repeat it" in str(both[0])
        trouble.setattr(Failing, "fails", False)
        assert counted(store) == 2


def test_a_log_that_cannot_be_begun_anew_makes_nobody_less_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn(sqlite3.Connection):
        def execute(self, sql: str, /, *values: Any) -> sqlite3.Cursor:
            if "RESTART" in sql:
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite, "connect", lambda path: connect(path, Stubborn))
    monkeypatch.setattr(sqlite, "LONG_LOG", 0)
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        for number in range(sqlite.COMMITS_TO_A_LOOK + 1):
            store.write(lambda s, n=number: s.run(put(str(n))))  # type: ignore[misc]
        patience = store.write(lambda s: s.one("PRAGMA busy_timeout"))
        assert patience == (1_000 * sqlite_session.PATIENCE_S,)
