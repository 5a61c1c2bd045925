"""`orchestrate backup` and `restore`: one file, and a store whose open runs wait."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.clock import SystemClock
from orchestration.store.connect import open_store
from tests.cli.conftest import Cli
from tests.cli.processes import Processes

Values = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monday.backup"


@pytest.fixture
def run_id(cli: Cli) -> str:
    return cli("send", "job").stdout.strip()


def status(values: Values, run_id: str) -> str:
    return str(values("workflows", "show", run_id)["status"])


def test_a_backup_is_one_sound_file_that_only_its_owner_reads(
    cli: Cli, file: Path, run_id: str
) -> None:
    assert f"wrote {file}" in cli("backup", str(file)).stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir() if "monday" in path.name] == [file.name]
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT id FROM runs").fetchall() == [(run_id,)]
    connection.close()


def test_what_came_after_the_backup_is_gone_and_open_runs_wait(
    cli: Cli, values: Values, file: Path, run_id: str, home: Path
) -> None:
    cli("schedules", "add", "daily", "job", "--cron", "0 6 * * *")
    assert values("backup", str(file))["bytes"] == file.stat().st_size
    cli("send", "job")
    assert "--replace` gives it up" in cli("restore", str(file), code=3).stderr
    assert "add --yes" in cli("restore", str(file), "--replace", code=2).stderr

    said = cli("restore", str(file), "--replace", "--yes").stdout

    assert "1 run paused; what comes next:" in said
    assert "`orchestrate schedules resume daily`" in said
    assert [run["id"] for run in values("workflows", "list")] == [run_id]
    assert status(values, run_id) == "paused"
    assert "is paused: `orchestrate workflows resume" in cli("workflows", "why", run_id).stdout
    assert not [path for path in home.iterdir() if "restoring" in path.name]


def test_where_nothing_was_open_nothing_comes_next(cli: Cli, file: Path, run_id: str) -> None:
    cli("workflows", "cancel", run_id, "--yes")
    cli("backup", str(file))
    said = cli("restore", str(file), "--replace", "--yes").stdout
    assert said.splitlines()[1:] == ["0 runs paused"]


def test_a_store_that_is_lost_comes_back(
    cli: Cli, values: Values, file: Path, run_id: str, home: Path
) -> None:
    cli("backup", str(file))
    for path in home.glob("orchestration.db"):
        path.unlink()  # what was beside it stays, and must not be taken for a part of the new one
    found = values("restore", str(file))
    assert (found["paused"], found["begun"], found["stop"]) == ([run_id], [], None)
    assert status(values, run_id) == "paused"


def test_a_stop_outlives_a_restore_and_tokens_do_not(
    cli: Cli, values: Values, file: Path, run_id: str
) -> None:
    cli("tokens", "add", "mallory", "--role", "admin")
    cli("backup", str(file))
    cli("tokens", "revoke", "mallory")
    cli("emergency", "stop", "--reason", "prices are wrong", "--wait", "0")
    said = cli("restore", str(file), "--replace", "--yes").stdout
    assert "prices are wrong holds here, too" in said
    assert "`orchestrate tokens add mallory --role ROLE`" in said
    assert values("tokens", "list") == []
    assert values("emergency", "status")["stopped"] is True
    assert "emergency stop" in cli("workflows", "resume", run_id, "--yes", code=2).stderr


def test_a_store_that_was_put_back_by_other_means_is_made_safe(values: Values, run_id: str) -> None:
    assert values("restore", "--here", "--yes")["paused"] == [run_id]
    assert status(values, run_id) == "paused"


def test_nobody_s_work_is_replaced(cli: Cli, processes: Processes, file: Path) -> None:
    cli("migrate")
    cli("backup", str(file))
    processes.serve()
    refusal = cli("restore", str(file), "--replace", "--yes", code=3).stderr
    assert f"{os.uname().nodename}:" in refusal
    assert "stop them" in refusal


def test_what_is_no_backup_is_refused_and_nothing_changes(
    cli: Cli, values: Values, file: Path, run_id: str
) -> None:
    assert "there is no file" in cli("restore", str(file), "--replace", "--yes", code=3).stderr
    file.write_bytes(b"not a database, but long enough to look like one" * 100)
    refusal = cli("restore", str(file), "--replace", "--yes", code=3).stderr
    assert f"{file}: file is not a database; name a file that `backup` has made" in refusal
    file.unlink()
    sqlite3.connect(file).close()
    assert "is no backup" in cli("restore", str(file), "--replace", "--yes", code=3).stderr
    assert status(values, run_id) == "running"


def test_a_damaged_backup_is_refused(cli: Cli, values: Values, file: Path, run_id: str) -> None:
    cli("backup", str(file))
    body = bytearray(file.read_bytes())
    body[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    file.write_bytes(body)
    refusal = cli("restore", str(file), "--replace", "--yes", code=3).stderr
    assert "damaged" in refusal or "malformed" in refusal
    assert "use another backup" in refusal
    assert status(values, run_id) == "running"


def test_a_backup_needs_a_store_and_a_new_name(cli: Cli, file: Path, tmp_path: Path) -> None:
    assert "there is no store" in cli("backup", str(file), code=3).stderr
    cli("migrate")
    file.touch()
    assert "name a new file" in cli("backup", str(file), code=3).stderr
    missing = tmp_path / "missing" / "file"
    assert "No such file or directory" in cli("backup", str(missing), code=3).stderr


def test_a_restore_is_of_a_file_or_of_what_is_there(cli: Cli, file: Path) -> None:
    assert "name a FILE" in cli("restore", code=2).stderr
    assert "name a FILE" in cli("restore", str(file), "--here", code=2).stderr


@pytest.mark.postgres
def test_a_backup_of_a_store_on_postgresql_is_put_back_on_either_kind(
    cli: Cli,
    values: Values,
    file: Path,
    empty_schema: str,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_schema)
    cli("migrate")
    run_id = cli("send", "job").stdout.strip()
    for number in range(130):  # more than are copied at once
        cli("schedules", "add", f"s{number}", "job", "--cron", "0 6 * * *")
    cli("schedules", "remove", "s0")
    cli("backup", str(file))
    later = cli("send", "job").stdout.strip()
    assert "--replace" in cli("restore", str(file), code=3).stderr
    assert status(values, later) == "running"
    assert len(values("restore", str(file), "--replace", "--yes")["schedules"]) == 129
    assert [run["id"] for run in values("workflows", "list")] == [run_id]
    assert status(values, run_id) == "paused"
    third = cli("send", "job").stdout.strip()
    assert status(values, third) == "running"

    monkeypatch.delenv("DATABASE_URL")
    cli("restore", str(file))
    assert (home / "orchestration.db").exists()
    assert status(values, run_id) == "paused"


@pytest.mark.postgres
def test_a_machine_whose_clock_is_wrong_restores_by_the_servers(
    cli: Cli, values: Values, file: Path, empty_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_schema)
    cli("migrate")
    cli("send", "job")
    began, now = SystemClock().now(), SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + timedelta(minutes=10))
    cli("backup", str(file))
    saved_at = values("restore", str(file), "--replace", "--yes")["saved_at"]
    with closing(open_store(empty_schema).store) as store:
        row = store.read(lambda s: s.one("SELECT at FROM audit WHERE action = 'restore'"))
    assert row is not None
    for moment in (datetime.fromisoformat(saved_at).timestamp(), row[0]):
        assert 0 <= moment - began.timestamp() < 60
