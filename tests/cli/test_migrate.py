"""The store's schema is brought up to date by a command, and by nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.store import migrate
from orchestration.store.migrate import Migration
from tests.cli.conftest import Cli


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
