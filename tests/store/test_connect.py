"""From an address to a store."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from orchestration.clock import SystemClock
from orchestration.errors import (
    ConfigurationError,
    OrchestrationError,
    StoreError,
    StoreInUseError,
    WorkflowFailedError,
)
from orchestration.ports import Store
from orchestration.store import server, workers
from orchestration.store.connect import back_up, open_old, open_store, restore
from orchestration.store.presence import FileLocks
from orchestration.store.revival import Replaced
from orchestration.store.sqlite import SqliteStore
from orchestration.store.workers import NewWorker
from tests.store.deeds import add, names


def test_a_file_is_made_with_its_directory_and_keeps_its_id(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/store.db"
    first = open_store(url)
    assert isinstance(first.store, SqliteStore)
    assert isinstance(first.locks, FileLocks)
    first.store.close()
    second = open_store(url)
    assert second.id == first.id
    second.store.close()


def test_a_relative_path_begins_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///store.db").store.close()
    assert (tmp_path / "store.db").exists()


@pytest.mark.postgres
@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_server_is_reached_by_either_name(empty_schema: str, scheme: str) -> None:
    url = empty_schema.replace("postgresql", scheme, 1)
    opened = open_store(url)
    opened.store.close()
    again = open_store(url, create=False)
    assert again.id == opened.id
    again.store.close()


@pytest.mark.parametrize("url", ["mysql://here", "store.db", ""])
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="use sqlite:///path or postgresql://"):
        open_store(url)


def test_a_missing_driver_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orchestration.store.postgres", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        open_store("postgresql://here/db")


def test_what_is_not_there_and_must_not_be_made_is_missed(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        open_store(f"sqlite:///{tmp_path}/store.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_directory_can_be_is_named_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="set ORCHESTRATION_HOME to a writable directory"):
        open_store(f"sqlite:///{tmp_path}/file/store.db")


def test_an_old_store_is_opened_to_be_migrated(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/store.db").store.close()
    old = open_old(f"sqlite:///{tmp_path}/store.db", create=False)
    assert (old.missing(), old.migrate()) == ([], [])
    old.close()


def test_a_failed_workflow_says_why() -> None:
    error = WorkflowFailedError("chain_1", "failed", ["it broke", "twice"])
    assert str(error) == "chain_1 failed: it broke; twice"
    assert (error.workflow_id, error.status, error.problems) == (
        "chain_1",
        "failed",
        ("it broke", "twice"),
    )
    assert str(WorkflowFailedError("chain_1", "cancelled", [])).endswith("no message")
    assert isinstance(error, OrchestrationError)


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:store.db", "postgresql://u:pa%ssword@h/d"])
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL: ") as error:
        open_store(url)
    assert "pa%" not in str(error.value)


def test_a_server_that_repeats_the_password_is_not_quoted() -> None:
    with (
        pytest.raises(StoreError, match="no login for u with …; check"),
        server.explained("postgresql://u:s%20ecret@h/d"),
    ):
        raise psycopg.OperationalError("no login for u with s ecret")


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_worker_that_begins_while_a_backup_is_prepared_keeps_its_store(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = kind == "postgres"
    url = request.getfixturevalue("empty_schema") if server else f"sqlite:///{tmp_path}/store.db"
    file = tmp_path / "kept.db"
    opened = open_store(url)
    with closing(opened.store), closing(opened.locks):
        back_up(url, file)
        opened.store.write(add("work"))

        def begin(_store: Store, _place: str, _replaced: Replaced) -> None:
            opened.locks.hold("w1")
            new = NewWorker(
                id="w1", host="here", pid=7, release="1", offers=[], transport="list", slots={}
            )
            opened.store.write(lambda s: workers.join(s, new, SystemClock().now()))

        with pytest.raises(StoreInUseError, match="here:7 work on this store: stop them"):
            restore(url, file, begin, replace=True)
        assert names(opened.store) == ["work"]
        opened.locks.release("w1")
        restore(url, file, lambda *_: None, replace=True)
        assert names(opened.store) == []
