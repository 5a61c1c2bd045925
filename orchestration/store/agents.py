"""The table `agents`: what is known of each agent, ours or not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestration.ports import Row, Session
from orchestration.store.pauses import owners
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent as people see it.

    Attributes:
        paused_by: The people and runs that paused it.
        deserted: Whether it stopped because its last worker died.
        silent_since: When it was found silent; set until its return is recorded.
        failures: Failed attempts in a row.
        probe_at: When its open circuit lets a step through.
        paced_until: When its rate allows more; None: no branch waits for that.
    """

    name: str
    status: str
    last_heartbeat: datetime | None
    max_concurrent: int | None
    capabilities: list[str]
    metrics: dict[str, Any]
    error_count: int
    last_error: str | None
    circuit: str
    paused: bool
    depends_on: list[str] = field(default_factory=list)
    deserted: bool = False
    silent_since: datetime | None = None
    failures: int = 0
    probe_at: datetime | None = None
    paused_by: list[str] = field(default_factory=list)
    paced_until: datetime | None = None


COLUMNS = (
    "name, status, last_heartbeat, max_concurrent, capabilities, metrics, error_count, last_error,"
    " circuit, paused, depends_on, deserted, silent_since, failures, circuit_due,"
    " rate_due"
)

UNSERVED = "NOT EXISTS (SELECT 1 FROM slots WHERE queue = name)"


def declare(
    session: Session,
    name: str,
    max_concurrent: int | None,
    capabilities: Sequence[str],
    depends_on: Sequence[str] = (),
) -> None:
    """Write that a worker serves this agent, and the agent's limit."""
    register(session, name, capabilities, depends_on)
    session.run("UPDATE agents SET max_concurrent = ? WHERE name = ?", max_concurrent, name)


def register(
    session: Session, name: str, capabilities: Sequence[str], depends_on: Sequence[str]
) -> None:
    """Write an agent's capabilities and dependencies; that says nothing of whether it lives."""
    session.run(
        "INSERT INTO agents (name, status, capabilities, depends_on) VALUES (?, 'unknown', ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET"
        " capabilities = EXCLUDED.capabilities, depends_on = EXCLUDED.depends_on",
        *(name, json.dumps(list(capabilities)), json.dumps(list(depends_on))),
    )


def beat(
    session: Session,
    name: str,
    status: str | None,
    metrics: Mapping[str, Any] | None,
    now: datetime,
) -> None:
    """Write a heartbeat; an agent that was never seen is registered by it.

    Args:
        session: The transaction.
        name: The agent.
        status: Its status; None: as before, but not silent any more.
        metrics: Its metrics; None: as before.
        now: The time of the heartbeat.
    """
    text = None if metrics is None else json.dumps(metrics)
    session.run(
        "INSERT INTO agents (name, status, last_heartbeat, metrics)"
        " VALUES (?, COALESCE(CAST(? AS TEXT), 'running'), ?, COALESCE(CAST(? AS TEXT), '{}'))"
        " ON CONFLICT (name) DO UPDATE SET status = COALESCE(CAST(? AS TEXT), CASE"
        " WHEN agents.status IN ('silent', 'unknown') THEN 'running' ELSE agents.status END),"
        " last_heartbeat = EXCLUDED.last_heartbeat,"
        " metrics = COALESCE(CAST(? AS TEXT), agents.metrics)",
        *(name, status, now.timestamp(), text, status, text),
    )


def beat_again(
    session: Session,
    name: str,
    status: str,
    metrics: Mapping[str, Any] | None,
    now: datetime,
) -> bool:
    """Write a heartbeat of an agent that is known; False if it is not."""
    changed = session.changed(
        "UPDATE agents SET status = ?, last_heartbeat = ?,"
        " metrics = COALESCE(CAST(? AS TEXT), metrics) WHERE name = ?",
        *(status, now.timestamp(), None if metrics is None else json.dumps(metrics), name),
    )
    return changed > 0


def describe(session: Session, name: str, capabilities: Sequence[str]) -> None:
    """Write what an agent says it can do."""
    session.run(
        "UPDATE agents SET capabilities = ? WHERE name = ?",
        json.dumps(list(capabilities)),
        name,
    )


def is_known(session: Session, name: str) -> bool:
    """Whether there is such an agent."""
    return session.one("SELECT 1 FROM agents WHERE name = ?", name) is not None


def strangers(session: Session) -> int:
    """How many agents are known that no worker serves."""
    row = session.one(f"SELECT COUNT(*) FROM agents WHERE {UNSERVED}")
    return int(row[0]) if row else 0


def forget_strangers(session: Session, before: datetime) -> int:
    """Delete agents that no worker serves, not paused, silent since then, and without attempts."""
    return session.changed(
        f"DELETE FROM agents WHERE {UNSERVED} AND paused = 0 AND COALESCE(last_heartbeat, 0) < ?"
        " AND NOT EXISTS (SELECT 1 FROM steps WHERE owner = 'outside:' || name)",
        before.timestamp(),
    )


def heard_since(session: Session, at: datetime) -> list[str]:
    """The agents with a heartbeat since a moment."""
    sql = "SELECT name FROM agents WHERE last_heartbeat >= ?"
    return [str(name) for (name,) in session.all(sql, at.timestamp())]


def last_heartbeat(session: Session, name: str) -> datetime | None:
    """When an agent was heard of last."""
    row = session.one("SELECT last_heartbeat FROM agents WHERE name = ?", name)
    return None if row is None else moment(row[0])


def mark_silent(session: Session, name: str, now: datetime) -> None:
    """Write that an agent was not heard of for too long."""
    session.run(
        "UPDATE agents SET status = 'silent', deserted = 0, silent_since = ? WHERE name = ?",
        *(now.timestamp(), name),
    )


def mark_back(session: Session, name: str) -> None:
    """Write that an agent which was silent is known to be back."""
    session.run("UPDATE agents SET silent_since = NULL WHERE name = ?", name)


def count_error(session: Session, name: str, error: str) -> None:
    """Count an error of an agent; an unknown agent is registered by it."""
    session.run(
        "INSERT INTO agents (name, status, error_count, last_error) VALUES (?, 'unknown', 1, ?)"
        " ON CONFLICT (name) DO UPDATE SET"
        " error_count = agents.error_count + 1, last_error = EXCLUDED.last_error",
        *(name, error),
    )


def everyone(session: Session) -> list[AgentRow]:
    """Every known agent by name."""
    rows, resting = session.all(f"SELECT {COLUMNS} FROM agents ORDER BY name"), owners(session)
    return [_read(row, resting.get(row[0], [])) for row in rows]


def _read(row: Row, paused_by: list[str]) -> AgentRow:
    known = map(json.loads, row[4:6])
    values = [*row[:2], moment(row[2]), row[3], *known, *row[6:9], bool(row[9])]
    values += [json.loads(row[10]), bool(row[11]), moment(row[12]), row[13], moment(row[14])]
    values += [paused_by, moment(row[15])]
    return AgentRow(*values)
