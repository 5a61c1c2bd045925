"""What only a file can do: be locked, be full, be no database."""

import os
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from orchestration.ports import Session
from orchestration.store import lock, sqlite
from orchestration.store.lock import WriteLock
from orchestration.store.sqlite import SqliteStore
from tests.eventually import eventually
from tests.store.processes import go, line, process

READ = "SELECT subject FROM audit"
EACH = 150
COUNTER = """
import sys
from pathlib import Path
from orchestration.store.sqlite import SqliteStore

def count(session):
    value = int(session.one("SELECT subject FROM audit")[0]) + 1
    session.run("UPDATE audit SET subject = ?", str(value))
    return value

store = SqliteStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(*(store.write(count) for _ in range(int(sys.argv[2]))), flush=True)
store.close()
"""
HOLDER = """
import sys
from pathlib import Path
from orchestration.store.lock import WriteLock

WriteLock(Path(sys.argv[1])).acquire()
print("holding", flush=True)
sys.stdin.readline()
"""


def put(value: str) -> str:
    return f"INSERT INTO audit (at, actor, action, subject) VALUES (0, '', '', '{value}')"


def counted(store: SqliteStore) -> int:
    row = store.read(lambda s: s.one("SELECT COUNT(*) FROM audit"))
    assert row is not None
    return int(row[0])


class TestTwoProcesses:
    def test_both_write_and_no_update_is_lost(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        store = SqliteStore(path)
        store.write(lambda s: s.run(put("0")))
        with process(COUNTER, path, EACH) as one, process(COUNTER, path, EACH) as other:
            assert (line(one), line(other)) == ("ready", "ready")
            go(one)
            go(other)
            seen = [list(map(int, line(child).split())) for child in (one, other)]
        assert sorted(seen[0] + seen[1]) == list(range(1, 2 * EACH + 1))
        assert min(seen[0]) < max(seen[1])
        assert min(seen[1]) < max(seen[0])
        assert store.read(lambda s: s.one(READ)) == (str(2 * EACH),)
        store.close()

    def test_a_change_by_another_is_noticed(self, tmp_path: Path) -> None:
        here, there = (SqliteStore(tmp_path / "store.db") for _ in range(2))
        before = here.change_count()
        assert here.change_count() == before
        there.write(lambda s: s.run(put("1")))
        assert here.change_count() != before
        here.close()
        there.close()

    def test_many_threads_that_come_and_go_ask_for_changes_on_one_connection(
        self, tmp_path: Path
    ) -> None:
        here, there = (SqliteStore(tmp_path / "store.db") for _ in range(2))
        counts = []
        for number in range(20):
            with ThreadPoolExecutor(1) as pool:
                counts.append(pool.submit(here.change_count).result())
            there.write(lambda s, n=number: s.run(put(str(n))))  # type: ignore[misc]
        assert len(set(counts)) == 20
        mine = [each for each in psutil.Process().open_files() if each.path.endswith("store.db")]
        assert len(mine) == 3  # two that write, and the one that counts
        here.close()
        there.close()

    def test_two_may_make_it_at_once(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            stores = list(pool.map(lambda _: SqliteStore(tmp_path / "store.db"), range(4)))
        for store in stores:
            store.write(lambda s: s.run(put("1")))
        assert counted(stores[0]) == 4
        for store in stores:
            store.close()


class TestStoppedHolder:
    def test_a_holder_that_was_stopped_is_found_and_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "PATIENCE_S", 0.1)
        monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
        store = SqliteStore(tmp_path / "store.db")
        with process(HOLDER, tmp_path / "store.db.lock") as holder:
            assert line(holder) == "holding"
            os.kill(holder.pid, signal.SIGSTOP)
            assert store.write(lambda s: s.changed(put("1"))) == 1
            assert holder.wait() == -signal.SIGKILL
        store.close()

    def test_closing_does_not_wait_for_it_either(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "PATIENCE_S", 0.1)
        monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
        store = SqliteStore(tmp_path / "store.db")
        with process(HOLDER, tmp_path / "store.db.lock") as holder:
            assert line(holder) == "holding"
            os.kill(holder.pid, signal.SIGSTOP)
            store.close()
            assert holder.wait() == -signal.SIGKILL

    def test_a_short_stop_is_forgiven(self, tmp_path: Path) -> None:
        ours = WriteLock(tmp_path / "lock")
        with process(HOLDER, tmp_path / "lock") as holder:
            assert line(holder) == "holding"
            for _ in range(2):
                os.kill(holder.pid, signal.SIGSTOP)
                assert ours.end_stopped_holder() is None
                os.kill(holder.pid, signal.SIGCONT)
            go(holder)
            assert holder.wait() == 0
        ours.close()

    def test_two_holds_are_not_one_long_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lock, "PATIENCE_S", 0.0)
        ours = WriteLock(tmp_path / "lock")
        with process(HOLDER, tmp_path / "lock") as holder:
            assert line(holder) == "holding"
            os.kill(holder.pid, signal.SIGSTOP)
            eventually(lambda: psutil.Process(holder.pid).status() == "stopped", within=5)
            assert ours.end_stopped_holder() is None
            signed = (tmp_path / "lock").read_text()
            (tmp_path / "lock").write_text(signed.replace(" 1\n", " 2\n"))
            assert ours.end_stopped_holder() is None
            assert ours.end_stopped_holder() == holder.pid
        ours.close()

    def test_who_has_not_signed_yet_is_nobody(self, tmp_path: Path) -> None:
        ours = WriteLock(tmp_path / "lock")
        ours.acquire()
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
        ours.release()
        assert (tmp_path / "lock").read_text().split() == []
        assert ours.end_stopped_holder() is None
        ours.close()

    def test_a_holder_at_work_is_left_alone(self, tmp_path: Path) -> None:
        ours = WriteLock(tmp_path / "lock")
        with process(HOLDER, tmp_path / "lock") as holder:
            assert line(holder) == "holding"
            assert ours.end_stopped_holder() is None
            go(holder)
            assert holder.wait() == 0
        ours.close()

    def test_a_stopped_process_that_only_has_the_number_of_a_holder_is_left_alone(
        self, tmp_path: Path
    ) -> None:
        ours = WriteLock(tmp_path / "lock")
        with process(HOLDER, tmp_path / "other") as stranger:
            assert line(stranger) == "holding"
            os.kill(stranger.pid, signal.SIGSTOP)
            (tmp_path / "lock").write_text(f"{stranger.pid} 12345.0\n".ljust(40))
            assert psutil.Process(stranger.pid).create_time() != 12345.0
            assert ours.end_stopped_holder() is None
            assert stranger.poll() is None
        ours.close()

    def test_nobody_is_ended_for_a_lock_that_nobody_has_held(self, tmp_path: Path) -> None:
        ours = WriteLock(tmp_path / "lock")
        assert ours.end_stopped_holder() is None
        ours.acquire()
        assert ours.end_stopped_holder() is None
        ours.close()
        assert ours.end_stopped_holder() is None

    def test_a_holder_that_is_gone_is_no_trouble(self, tmp_path: Path) -> None:
        with process(HOLDER, tmp_path / "lock") as holder:
            assert line(holder) == "holding"
        ours = WriteLock(tmp_path / "lock")
        assert ours.end_stopped_holder() is None
        ours.close()

    def test_a_lock_file_is_for_its_owner_only(self, tmp_path: Path) -> None:
        WriteLock(tmp_path / "lock").close()
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


class TestGroupCommit:
    def test_what_queues_up_is_written_together_and_one_refusal_is_nobody_elses(
        self, tmp_path: Path
    ) -> None:
        store = SqliteStore(tmp_path / "store.db")
        others_queued = threading.Barrier(11)

        def slow(session: Session) -> None:
            others_queued.wait()
            session.run(put("slow"))

        def write(number: int) -> int:
            others_queued.wait()
            return store.write(lambda s: s.changed(put(str(number)) if number else "SELEC 1"))

        with ThreadPoolExecutor(11) as pool:
            first = pool.submit(store.write, slow)
            rest = [pool.submit(write, number) for number in range(10)]
        assert first.exception() is None
        assert [type(future.exception()) for future in rest] == [sqlite3.OperationalError] + [
            type(None)
        ] * 9
        assert counted(store) == 10
        store.close()

    def test_more_than_a_batch_and_a_close_in_the_middle_lose_nothing(self, tmp_path: Path) -> None:
        store = SqliteStore(tmp_path / "store.db")
        with ThreadPoolExecutor(100) as pool:
            futures = [pool.submit(store.write, lambda s: s.run(put("1"))) for _ in range(100)]
            store.close()
        written = [future for future in futures if future.exception() is None]
        refused = [future.exception() for future in futures if future.exception()]
        assert all("closed" in str(error) for error in refused)
        again = SqliteStore(tmp_path / "store.db")
        assert counted(again) == len(written)
        again.close()

    def test_the_log_is_moved_into_the_file_now_and_then(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "COMMITS_PER_CHECKPOINT", 8)
        store = SqliteStore(tmp_path / "store.db")
        sizes = []
        for _ in range(64):
            store.write(lambda s: s.run(put("x" * 4_000)))
            sizes.append((tmp_path / "store.db-wal").stat().st_size)
        assert max(sizes) == max(sizes[:40])
        store.close()


def test_a_log_of_many_changes_is_moved_before_that_takes_long(quick_path: Path) -> None:
    def fill(session: Session) -> None:
        for _ in range(sqlite.CHANGES_PER_CHECKPOINT // 2):
            session.run(put("x"))

    store, moved = SqliteStore(quick_path / "store.db"), []
    for _ in range(2):
        store.write(fill)
        moved.append(store.disk_use().data)
    store.close()
    assert moved[1] > moved[0] + 100_000


def test_the_log_stays_short_though_no_process_lives_for_long(quick_path: Path) -> None:
    path = quick_path / "store.db"
    lasting, sizes = SqliteStore(path), []
    lasting.write(lambda s: s.run(put("")))
    for letter in "abcdefghijklmnopqrst":
        passing = SqliteStore(path)
        for count in range(40):
            text = f"{letter}{count}" * 15_000
            passing.write(lambda s, t=text: s.run("UPDATE audit SET subject = ?", t))  # type: ignore[misc]
        sizes.append(lasting.disk_use().log or 0)
        passing.close()
    lasting.close()
    assert max(sizes) < 8_000_000, "in all they write 35 MB"
