"""`python -m benchmarks.console`: how soon each view of the console opens over a long history.

A store is filled with finished runs: five steps, twenty events and 4 KB of results each. Then every
view is asked for over HTTP, in turn, and its 95th percentile is printed.
"""

import argparse
import json
import math
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from actors import app
from benchmarks.history import AGENTS, COMMANDS, ERROR, INSERTS, KINDS, STEPS, one, plan_of
from orchestration import settings
from orchestration.clock import SystemClock
from orchestration.ports import Session, Store
from orchestration.store import dead_letters, listings, samples
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.listings import Filter, Place
from orchestration.store.samples import Sample
from orchestration.store.sqlite import SqliteStore
from orchestration.web.console import opened_console
from orchestration.web.serving import bound, listening

OVER = timedelta(days=30)
RESULT = json.dumps({"rows": 5, "checked": True, "note": "x" * 780})
FAILED_ONE_IN = 100
LETTERS, DEEDS, MINUTES = 10_000, 50_000, 24 * 60
SAMPLED = (*AGENTS, "")
STEP_ROWS = (
    "INSERT INTO steps (run_id, step, branch, agent, offer, status, rank, attempt, worker,"
    " fraction, result, error, opened_at, claimed_at, ended_at, ended_order)"
    " SELECT id, step, 0, agent, agent || '.' || step || '@1',"
    " CASE WHEN bad THEN 'failed' ELSE 'completed' END, rank, 1, 'history', 1.0,"
    " CASE WHEN bad THEN NULL ELSE :result END, CASE WHEN bad THEN :error END,"
    " at, at + 0.1, at + 0.7, n FROM (SELECT r.id, r.rank, t.step, t.agent, t.n,"
    " r.status = 'failed' AND t.n = 4 AS bad, r.created_at + t.k AS at"
    " FROM runs r CROSS JOIN t)"
)
EVENT_ROWS = (
    "INSERT INTO events (run_id, at, kind, step, branch)"
    " SELECT r.id, r.created_at + t.k + e.k, e.kind, t.step, 0"
    " FROM runs r CROSS JOIN t CROSS JOIN e"
)
FAST = ("synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY", "wal_autocheckpoint=2000")


def load(path: Path, runs: int) -> None:
    """Fill a store: rows in the order of their ids, then the indexes, each in one pass."""
    SqliteStore(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in FAST:
            connection.execute(f"PRAGMA {pragma}")
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('runs', 'steps', 'events')"
        ).fetchall()
        for name, _ in found:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO plans (digest, body) VALUES (?, ?)",
            [(name, plan_of(name).text) for name in COMMANDS],
        )
        connection.executemany(INSERTS["run"], rows_of(runs))
        connection.execute("CREATE TEMP TABLE t (n INTEGER, step TEXT, agent TEXT, k REAL)")
        places = [(n, step, AGENTS[n % 2], n * 0.8) for n, step in enumerate(STEPS)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", places)
        connection.execute("CREATE TEMP TABLE e (kind TEXT, k REAL)")
        kinds = [(kind, n / 10) for n, kind in enumerate(KINDS)]
        connection.executemany("INSERT INTO e VALUES (?, ?)", kinds)
        connection.execute(STEP_ROWS, {"result": RESULT, "error": ERROR})
        connection.execute(EVENT_ROWS)
        connection.execute("COMMIT")
        for _, sql in found:
            connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def rows_of(runs: int) -> Iterator[tuple[Any, ...]]:
    """The rows of the runs themselves, by id; they ended at any time within the span."""
    chance = random.Random(7)  # noqa: S311 - the same history each time
    now, span = SystemClock().now().timestamp(), OVER.total_seconds()
    for command in sorted(COMMANDS):
        numbers = sorted(chance.randrange(16**12) for _ in range(runs // len(COMMANDS)))
        for number in numbers:
            began, failed = now - chance.uniform(10, span), not chance.randrange(FAILED_ONE_IN)
            yield one(f"{command}_{number:012x}", command, began, "", failed=failed).run


def furnish(session: Session) -> None:
    """Write what else a store has after a while."""
    now = SystemClock().now()
    for minute in range(MINUTES):
        at = now - timedelta(minutes=minute)
        samples.add_all(session, [Sample(name, at, minute % 9, minute % 3) for name in SAMPLED])
    for number in range(LETTERS):
        letter = DeadLetter(
            reason=("malformed", "unknown_command")[number % 2],
            detail="it could not be used",
            routing_key="orchestration.command",
            body=b'{"id": "%d"}' % number,
            sender="somebody",
        )
        dead_letters.add(session, letter, now)
    sql = "INSERT INTO audit (at, actor, action, subject) VALUES (?, 'desk', 'retry', ?)"
    for number in range(DEEDS):
        session.run(sql, now.timestamp(), f"nightly_report_{number:012x}")


def views(store: Store) -> Mapping[str, list[str]]:
    """The addresses of each view: several if a single one would always be in the cache."""
    some = store.read(lambda s: listings.ids(s, Filter(), 5_000))[::250]
    old = store.read(lambda s: listings.page(s, Filter(), 20, deep(s)))
    failed = store.read(lambda s: listings.ids(s, Filter(statuses=("failed",)), 400))[::20]  # type: ignore[arg-type]
    last = old[-1]
    after = f"{last.created_at.timestamp()!r}~{last.id}"
    return {
        "overview": ["/"],
        "workflows": ["/workflows"],
        "workflows, deep": [f"/workflows?after={after}"],
        "workflows, completed": ["/workflows?status=completed"],
        "workflows, failed": ["/workflows?status=failed"],
        "workflows, none": ["/workflows?status=cancelled"],
        "workflows, one command": [f"/workflows?command={COMMANDS[0]}"],
        "workflows, command and failed": [f"/workflows?command={COMMANDS[1]}&status=failed"],
        "workflows, last 24 h": ["/workflows?span=24h"],
        "search, id": [f"/workflows?q={run_id}" for run_id in some],
        "search, digits": [f"/workflows?q={run_id[-12:-4]}" for run_id in some],
        "search, text": ["/workflows?q=nothing+like+this"],
        "a run": [f"/workflows/{run_id}" for run_id in [*some, *(run.id for run in old)]],
        "a failed run": [f"/workflows/{run_id}" for run_id in failed],
        "events": [f"/workflows/{run_id}/events?before=999999999" for run_id in some],
        "failures": ["/failures"],
        "approvals": ["/approvals"],
        "agents": ["/agents"],
        "queues": ["/queues"],
        "dead letters": ["/dead-letters", "/dead-letters?reason=malformed"],
        "a dead letter": ["/dead-letters/1"],
        "schedules": ["/schedules"],
        "configuration": ["/configuration"],
        "audit": ["/audit"],
        "audit, search": ["/audit?q=nothing+like+this"],
        "emergency": ["/emergency"],
        "tokens": ["/tokens"],
        "start": ["/start/validate_algorithms"],
        "status over HTTP": ["/orchestration/status"],
        "metrics": ["/orchestration/metrics"],
    }


def deep(session: Session) -> Place:
    """A place in the middle of all runs."""
    row = session.one(
        "SELECT AVG(created_at) FROM (SELECT created_at FROM runs LIMIT 1000) AS some"
    )
    return Place(float(row[0]) if row else 0.0, "")


def measure(url: str, found: Mapping[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Seconds that each view took, in turn."""
    taken: dict[str, list[float]] = {name: [] for name in found}
    with httpx.Client(base_url=url, headers={"accept": "text/html"}, timeout=60) as client:
        for number in range(rounds):
            for name, paths in found.items():
                begin = time.perf_counter()
                answer = client.get(paths[number % len(paths)])
                taken[name].append(time.perf_counter() - begin)
                answer.raise_for_status()
    return taken


def show(taken: Mapping[str, list[float]]) -> None:
    """One line a view."""
    print(f"{'view':32} {'p50 ms':>8} {'p95 ms':>8} {'most':>8}")
    for name, each in taken.items():
        p95 = sorted(each)[math.ceil(len(each) * 0.95) - 1]
        print(f"{name:32} {statistics.median(each) * 1000:8.0f} {p95 * 1000:8.0f}", end=" ")
        print(f"{max(each) * 1000:8.0f}")


def main() -> None:
    """Fill, ask, print."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    words.add_argument("--runs", type=int, default=1_000_000)
    words.add_argument("--rounds", type=int, default=40)
    words.add_argument("--keep", type=Path, help="a directory whose store is used again")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = given.keep or Path(scratch)
        home.mkdir(parents=True, exist_ok=True)
        path = home / "orchestration.db"
        if not path.exists():
            begin = time.perf_counter()
            load(path, given.runs)
            print(f"{given.runs} runs in {time.perf_counter() - begin:.0f} s,", end=" ")
            print(f"{path.stat().st_size / 2**30:.1f} GiB")
        environ = {"ORCHESTRATION_HOME": str(home)}
        with opened_console(app, settings.load(environ)) as console:
            if not console.read(dead_letters.last_id):
                console.opened.store.write(furnish)
            found = views(console.opened.store)
            with listening(console, bound("127.0.0.1", 0)) as url:
                show(measure(url, found, given.rounds))


if __name__ == "__main__":
    main()
