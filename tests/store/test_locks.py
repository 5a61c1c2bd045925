"""What every proof of life promises."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from orchestration.errors import StoreError
from orchestration.ports import Locks
from orchestration.store.postgres_locks import PostgresLocks
from orchestration.store.presence import FileLocks, MemoryLocks
from tests.store.processes import go, line, process

HOLDER = """
import sys
from pathlib import Path
from orchestration.store.presence import FileLocks

locks = FileLocks(Path(sys.argv[1]))
print("holding" if locks.hold("theirs") else "taken", flush=True)
sys.stdin.readline()
locks.release("theirs")
print("released", flush=True)
sys.stdin.readline()
"""

Two = tuple[Locks, Locks]
Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture(params=["memory", "file", pytest.param("postgres", marks=pytest.mark.postgres)])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    """The locks of a holder and those of an observer."""
    match request.param:
        case "memory":
            locks = MemoryLocks()
            yield locks, locks
        case "file":
            yield FileLocks(tmp_path / "workers"), FileLocks(tmp_path / "workers")
        case _:
            url = request.getfixturevalue("shared_schema")
            holder, observer = PostgresLocks(url), PostgresLocks(url)
            yield holder, observer
            holder.close()
            observer.close()


class TestContract:
    def test_what_nobody_ever_held_is_free(self, two: Two) -> None:
        assert two[1].is_free("nobody")

    def test_what_is_held_is_free_for_nobody(self, two: Two) -> None:
        holder, observer = two
        holder.hold("me")
        assert not observer.is_free("me")
        assert not holder.is_free("me")
        assert observer.is_free("another")

    def test_looking_does_not_take_it_away(self, two: Two) -> None:
        holder, observer = two
        holder.hold("me")
        assert [observer.is_free("me") for _ in range(3)] == [False] * 3

    def test_what_was_let_go_is_free(self, two: Two) -> None:
        holder, observer = two
        holder.hold("me")
        holder.hold("also me")
        holder.release("me")
        assert observer.is_free("me")
        assert not observer.is_free("also me")

    def test_who_holds_it_knows(self, two: Two) -> None:
        holder, _ = two
        assert not holder.holds("me")
        assert holder.hold("me")
        assert not holder.hold("me"), "here too it is taken"
        assert holder.holds("me")
        holder.release("me")
        assert not holder.holds("me")
        holder.close()


class TestFiles:
    @pytest.fixture
    def before_locking(self, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
        """Lets something happen once between the opening of a file and its locking."""

        def let_happen(act: Callable[[], object]) -> None:
            def lock(descriptor: int, operation: int) -> None:
                monkeypatch.undo()
                act()
                fcntl.lockf(descriptor, operation)

            monkeypatch.setattr(fcntl, "lockf", lock)

        return let_happen

    def test_another_process_is_alive_until_it_lets_go(self, tmp_path: Path) -> None:
        ours = FileLocks(tmp_path)
        with process(HOLDER, tmp_path) as holder:
            assert line(holder) == "holding"
            assert not ours.is_free("theirs")
            go(holder)
            assert line(holder) == "released"
            assert ours.is_free("theirs")

    def test_a_death_is_proven_and_leaves_no_file(self, tmp_path: Path) -> None:
        ours = FileLocks(tmp_path)
        with process(HOLDER, tmp_path) as holder:
            assert line(holder) == "holding"
            holder.kill()
            holder.wait()
            assert ours.is_free("theirs")
        assert list(tmp_path.iterdir()) == []
        assert ours.is_free("theirs")

    def test_a_forked_child_does_not_keep_its_parent_alive(self, tmp_path: Path) -> None:
        locks = FileLocks(tmp_path)
        locks.hold("parent")
        child = os.fork()
        if child == 0:
            sees_life = not FileLocks(tmp_path).is_free("parent")
            os._exit(0 if sees_life else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        locks.release("parent")

    def test_a_file_that_was_removed_before_it_was_locked_is_no_lock(
        self, tmp_path: Path, before_locking: Meanwhile
    ) -> None:
        locks = FileLocks(tmp_path)
        before_locking((tmp_path / "theirs.lock").unlink)  # its holder has let go
        assert locks.hold("theirs")
        with process(HOLDER, tmp_path) as other:
            assert line(other) == "taken"
        locks.release("theirs")

    def test_who_buries_a_dead_holder_removes_no_file_of_its_successor(
        self, tmp_path: Path, before_locking: Meanwhile
    ) -> None:
        locks, file = FileLocks(tmp_path), tmp_path / "theirs.lock"
        file.touch()
        with ExitStack() as stack:

            def succeed() -> None:
                file.unlink()
                assert line(stack.enter_context(process(HOLDER, tmp_path))) == "holding"

            before_locking(succeed)
            assert not locks.is_free("theirs")
            assert not locks.hold("theirs")

    def test_only_the_owner_may_look_inside(self, tmp_path: Path) -> None:
        FileLocks(tmp_path / "workers")
        assert (tmp_path / "workers").stat().st_mode & 0o777 == 0o700


@pytest.mark.postgres
class TestSessions:
    @pytest.fixture
    def session_of(self, shared_schema: str) -> Iterator[Callable[[], PostgresLocks]]:
        made: list[PostgresLocks] = []

        def make() -> PostgresLocks:
            made.append(PostgresLocks(shared_schema))
            return made[-1]

        yield make
        for locks in made:
            locks.close()

    def test_a_session_that_is_gone_is_a_death(
        self, session_of: Callable[[], PostgresLocks]
    ) -> None:
        holder, observer = session_of(), session_of()
        holder.hold("me")
        holder.close()
        assert observer.is_free("me")

    def test_who_lost_its_session_holds_its_locks_again_with_the_next_one(
        self, session_of: Callable[[], PostgresLocks], shared_schema: str
    ) -> None:
        holder, observer = session_of(), session_of()
        holder.hold("me")
        assert holder.holds("me")
        cut(shared_schema, "me")
        assert not holder.holds("me")
        assert observer.is_free("me")
        assert holder.is_free("another"), "any question will do"
        assert holder.holds("me")
        assert not observer.is_free("me")

    def test_what_somebody_else_took_meanwhile_is_lost(
        self, session_of: Callable[[], PostgresLocks], shared_schema: str
    ) -> None:
        ours, theirs = session_of(), session_of()
        assert ours.hold("me")
        assert ours.hold("office")
        cut(shared_schema, "me")
        assert theirs.hold("office")
        assert not ours.hold("office")
        assert (ours.holds("me"), ours.holds("office")) == (True, False)

    def test_an_unreachable_server_is_named_with_a_cure(self) -> None:
        with pytest.raises(StoreError, match="check DATABASE_URL and the server"):
            PostgresLocks("postgresql://nobody@127.0.0.1:1/none").hold("me")


def cut(url: str, name: str) -> None:
    """End the session that holds this lock, and return once it has ended."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_locks WHERE locktype = 'advisory'"
            " AND pid <> pg_backend_pid() AND ((classid::bigint << 32) | objid::bigint)"
            " = hashtextextended(current_schema() || %s, 0)",
            (name,),
        )
