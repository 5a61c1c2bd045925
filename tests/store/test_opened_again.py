"""A store that is opened by two, or again by another release: snapshots and migrations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.errors import StoreError, StoreTooNewError, StoreTooOldError
from orchestration.ports import Session
from orchestration.state import StepStatus as S
from orchestration.store import migrate, tallies
from orchestration.store.migrate import Migration
from orchestration.store.postgres import PostgresStore
from orchestration.store.sqlite import SqliteStore
from tests.store.deeds import NAMES, WRONG, add, names

Opener = Callable[..., SqliteStore | PostgresStore]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens one and the same place, empty at first."""
    if request.param == "sqlite":
        return lambda **how: SqliteStore(tmp_path / "store.db", **how)
    url = request.getfixturevalue("empty_schema")
    return lambda **how: PostgresStore(url, **how)


KNOWN = migrate.known()
TALLIES = next(each.version for each in KNOWN if each.name == "tallies")
NEXT = Migration(
    KNOWN[-1].version + 1,
    "more",
    "CREATE TABLE more (id {serial}, name TEXT); -- a comment; with one",
)


class TestOneSnapshot:
    def test_a_read_does_not_see_what_was_written_after_it_began(self, again: Opener) -> None:
        here, there = again(), again()

        def look_twice(session: Session) -> None:
            assert session.all(NAMES) == []
            there.write(add("a"))
            assert session.all(NAMES) == []

        here.read(look_twice)
        assert names(here) == ["a"]
        here.close()
        there.close()


class TestMigrations:
    def test_a_missing_store_is_made(self, again: Opener) -> None:
        again().close()
        opened = again(create=False)
        assert opened.missing() == []
        assert opened.migrate() == []
        assert opened.read(migrate.is_beyond) is False
        opened.close()

    def test_a_missing_store_is_missed_if_it_may_not_be_made(self, again: Opener) -> None:
        with pytest.raises(StoreError, match="run `orchestrate migrate`"):
            again(create=False)

    def test_what_was_written_is_there_when_it_is_opened_again(self, again: Opener) -> None:
        first = again()
        first.write(add("a"))
        first.close()
        second = again()
        assert names(second) == ["a"]
        second.close()

    def test_a_store_to_which_a_newer_release_has_added_is_used_as_before(
        self, again: Opener
    ) -> None:
        opened = again()
        opened.write(lambda s: s.run("INSERT INTO schema_versions VALUES (99, 'later')"))
        assert not opened.read(migrate.is_beyond)
        opened.close()
        opened = again()
        opened.write(add("a"))
        assert (names(opened), opened.missing(), opened.migrate()) == (["a"], [], [])
        with pytest.raises(StoreTooNewError, match="with the release that migrated it"):
            opened.read(migrate.require_known)
        opened.close()

    def test_a_store_that_a_newer_release_has_changed_is_refused(self, again: Opener) -> None:
        opened = again()
        opened.write(lambda s: s.run("INSERT INTO schema_versions VALUES (99, '!later')"))
        assert opened.read(migrate.is_beyond)
        opened.close()
        with pytest.raises(StoreTooNewError, match="run the release that migrated it"):
            again()

    def test_an_older_store_is_refused_until_it_is_migrated(
        self, again: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = again()
        first.write(add("a"))
        first.close()
        both = [*migrate.known(), NEXT]
        monkeypatch.setattr(migrate, "known", lambda: both)
        with pytest.raises(StoreTooOldError, match="run `orchestrate migrate`"):
            again()
        old = again(old=True)
        assert old.missing() == [NEXT.title]
        assert old.migrate() == [NEXT.title]
        assert old.migrate() == []
        old.close()
        new = again()
        assert new.write(lambda s: s.changed("INSERT INTO more (name) VALUES ('x')")) == 1
        assert names(new) == ["a"]
        new.close()

    def test_a_migration_that_breaks_is_known_to_be_one(
        self, again: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        again().close()
        breaking = NEXT._replace(sql=f"-- breaking: names move\n{NEXT.sql}")
        with monkeypatch.context() as newer:
            newer.setattr(migrate, "known", lambda: [*KNOWN, breaking])
            old = again(old=True)
            assert old.migrate() == [NEXT.title]
            old.close()
            again().close()
        with pytest.raises(StoreTooNewError, match=f"has schema {NEXT.version}"):
            again()

    def test_a_migration_that_fails_changes_nothing(
        self, again: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        again().close()
        wrong = Migration(NEXT.version + 1, "wrong", "CREATE TABLE wrong (id INTEGER); SELEC 1")
        both = [*migrate.known(), NEXT, wrong]
        monkeypatch.setattr(migrate, "known", lambda: both)
        old = again(old=True)
        with pytest.raises(WRONG):
            old.migrate()
        assert old.missing() == [NEXT.title, wrong.title]
        old.close()


def test_tallies_move_into_the_rows_of_their_runs(
    again: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = migrate.known()
    before = [each for each in every if each.version < TALLIES]
    monkeypatch.setattr(migrate, "known", lambda: before)
    opened = again()
    opened.write(fill_tallies)
    opened.close()
    monkeypatch.setattr(migrate, "known", lambda: every)
    old = again(old=True)
    old.migrate()
    found: dict[str, str] = dict(old.read(lambda s: s.all("SELECT id, tallies FROM runs")))
    assert tallies.load(found["r1"]) == {"a": {S.READY: 5, S.COMPLETED: 1}, "empty": {}}
    assert tallies.load(found["r2"]) == {}
    old.close()


def fill_tallies(session: Session) -> None:
    """Two runs as an older release kept them."""
    for run_id in ("r1", "r2"):
        session.run(
            "INSERT INTO runs (id, command, plan, parameters, sender, priority, rank, needs_slot,"
            " status, generation, created_at) VALUES (?, 'c', 'p', '{}', 's', 2, 0, 1, 'running',"
            " 1, 0)",
            run_id,
        )
    counts = [("a", "ready", 2), ("a", "queued", 3), ("a", "completed", 1), ("a", "held", 0)]
    for step, status, count in [*counts, ("empty", "skipped", 0)]:
        session.run("INSERT INTO tallies VALUES ('r1', ?, ?, ?)", step, status, count)
