"""What views cost beside a long history: no statement of theirs reads all runs, steps or events."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from orchestration.ports import Row, Session
from orchestration.runtime import backlog
from orchestration.store import commands, migrate, retention
from orchestration.store.sqlite import TABLES, TYPES
from orchestration.store.sqlite_session import SqliteSession
from orchestration.views import emergency, failures, fleet, lanes, metrics, overview
from tests.clock import FakeClock

MANY = {"runs", "r", "steps", "s", "events", "e"}
OPEN = {"steps_queue", "steps_owner", "steps_due", "attempts_holder", "runs_pending", "runs_due"}
SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
NOW = FakeClock().now()


class Explained(SqliteSession):
    """A session that keeps how each statement would be carried out.

    Attributes:
        scans: Statements that read a whole table, or a whole index of it, without a limit.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.scans: list[tuple[str, str]] = []

    @override
    def one(self, sql: str, *values: Any) -> Row | None:
        self._explain(sql, values)
        return super().one(sql, *values)

    @override
    def all(self, sql: str, *values: Any) -> list[Row]:
        self._explain(sql, values)
        return super().all(sql, *values)

    def _explain(self, sql: str, values: tuple[Any, ...]) -> None:
        for row in super().all(f"EXPLAIN QUERY PLAN {sql}", *values):
            found = SCAN.match(row[3])
            if found and found[1] in MANY and found[2] not in OPEN and "LIMIT" not in sql:
                self.scans.append((row[3], sql))


@pytest.fixture
def session() -> Iterator[Explained]:
    with closing(sqlite3.connect(":memory:")) as connection:
        migrate.upgrade(SqliteSession(connection), TABLES, TYPES)
        yield Explained(connection)


LOOKS: dict[str, Callable[[Session], object]] = {
    "overview": lambda s: overview.overview(s, NOW),
    "status": lambda s: fleet.status(s, NOW),
    "lanes": lambda s: lanes.lanes(s, NOW),
    "failures": lambda s: failures.failures(s, NOW - timedelta(days=7)),
    "emergency": emergency.status,
    "metrics": lambda s: [list(part(s, NOW)) for part in metrics.PARTS],
    "backlog": backlog.waiting,
}


@pytest.mark.parametrize("name", LOOKS)
def test_no_view_reads_all_that_ever_was(session: Explained, name: str) -> None:
    LOOKS[name](session)
    assert session.scans == []


@pytest.mark.parametrize("sql", [retention.GONE, commands.PUT_OFF, commands.DROP])
def test_what_is_forgotten_is_found_by_indexes(session: Explained, sql: str) -> None:
    plan = SqliteSession.all(session, f"EXPLAIN QUERY PLAN {sql}", *[1] * sql.count("?"))
    assert not [row[3] for row in plan if "SCAN" in row[3]]
