"""The store's schema is brought up to date by a command, and by nothing else."""

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.store import migrate
from orchestration.store.migrate import Migration
from tests.cli.conftest import Cli
from tests.cli.processes import Processes, end


@pytest.fixture
def newer_release(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, this release knows one migration more."""
    known = list(migrate.known())
    more = Migration(known[-1].version + 1, "more", "CREATE TABLE more (id INTEGER)")

    return lambda: monkeypatch.setattr(migrate, "known", lambda: [*known, more])


def test_a_missing_store_is_made(cli: Cli, home: Path) -> None:
    assert "there is no store" in cli("migrate", "--check", code=3).stderr
    assert "up to date" in cli("migrate").stdout
    assert (home / "orchestration.db").exists()
    assert "up to date" in cli("migrate", "--check").stdout


def test_an_old_store_is_migrated(
    cli: Cli, values: Callable[..., Any], newer_release: Callable[[], None]
) -> None:
    cli("migrate")
    newer_release()

    assert "run `orchestrate migrate`" in cli("workflows", "list", code=3).stderr
    assert "missing: " in cli("migrate", "--check", code=1).stdout
    (applied,) = values("migrate")["applied"]
    assert applied.endswith("_more")
    assert values("migrate", "--check") == {"missing": []}
    cli("workflows", "list")


@pytest.mark.parametrize("then", ["migrate", "restore kept --replace --yes"])
def test_a_store_of_the_first_release_is_asked_for_its_workers(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Before it is migrated or given up, while their table has fewer columns than ours."""
    monkeypatch.chdir(tmp_path)
    first = migrate.known()[:1]
    cli("migrate")
    cli("backup", "kept")
    (home / "orchestration.db").unlink()
    with monkeypatch.context() as old:
        old.setattr(migrate, "known", lambda: first)
        cli("migrate")
    cli(*then.split())
    assert "up to date" in cli("migrate", "--check").stdout


def test_a_migration_that_breaks_waits_for_the_last_worker(
    cli: Cli, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("migrate")
    worker = processes.serve()
    known = list(migrate.known())
    more = Migration(known[-1].version + 1, "more", "-- breaking\nCREATE TABLE more (id INTEGER)")
    monkeypatch.setattr(migrate, "known", lambda: [*known, more])
    refusal = cli("migrate", code=3).stderr
    assert f":{worker.pid} would misread the store after {more.title}" in refusal
    end(worker, signal.SIGTERM)
    assert more.title in cli("migrate").stdout


ADDS = re.compile(
    r"CREATE (TABLE|(UNIQUE )?INDEX) |DROP INDEX |ALTER TABLE \w+ ADD COLUMN |INSERT INTO |UPDATE ",
    re.ASCII,
)


@pytest.mark.parametrize(
    "each", [m for m in migrate.known() if not m.breaks], ids=lambda each: each.title
)
def test_a_migration_that_does_not_say_it_breaks_only_adds(each: Migration) -> None:
    sql = re.sub(r"--[^\n]*", "", each.sql)
    for statement in filter(None, map(str.strip, sql.split(";"))):
        assert ADDS.match(statement), statement
        if "ADD COLUMN" in statement:
            assert "NOT NULL" not in statement or "DEFAULT" in statement, statement


@pytest.mark.postgres
def test_a_store_moves_to_postgresql_by_one_command(
    cli: Cli, empty_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no store" in cli("migrate", "--to", empty_schema, code=3).stderr
    cli("migrate")
    said = cli("migrate", "--to", empty_schema).stdout
    assert "moved 0 runs" in said
    assert "set DATABASE_URL to it, and start the workers" in said
    assert "was moved to 127.0.0.1/test" in cli("workflows", "list", code=3).stderr
    monkeypatch.setenv("DATABASE_URL", empty_schema)
    assert "up to date" in cli("migrate", "--check").stdout


@pytest.mark.postgres
def test_a_move_tells_programs_what_was_copied(
    cli: Cli, values: Callable[..., Any], empty_schema: str
) -> None:
    cli("migrate")
    found = values("migrate", "--to", empty_schema)
    assert found["moved_to"] == "127.0.0.1/test"
    assert (found["copied"]["control"], found["copied"]["runs"]) == (1, 0)


def test_a_check_moves_nothing(cli: Cli) -> None:
    assert "exclude each other" in cli("migrate", "--check", "--to", "x", code=2).stderr
