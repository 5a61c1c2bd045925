"""The table `starts`: when attempts of agents with a rate began, and when more may."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment


def add(session: Session, agent: str, now: datetime, forget: datetime) -> None:
    """Write that an attempt begins, and delete starts that no rate counts any more."""
    session.run("INSERT INTO starts (agent, at) VALUES (?, ?)", agent, now.timestamp())
    session.run("DELETE FROM starts WHERE agent = ? AND at < ?", agent, forget.timestamp())


def since(session: Session, agent: str, after: datetime) -> list[datetime]:
    """When attempts of an agent began, since a moment."""
    sql = "SELECT at FROM starts WHERE agent = ? AND at >= ?"
    return [moment(float(row[0])) for row in session.all(sql, agent, after.timestamp())]


def set_timer(session: Session, agent: str, at: datetime | None) -> None:
    """Set the timer of an agent for when its rate allows more; None: no timer."""
    sql = "UPDATE agents SET rate_due = ? WHERE name = ?"
    session.run(sql, at and at.timestamp(), agent)


def due(session: Session, now: datetime, limit: int) -> list[str]:
    """Agents whose rate allows more by now."""
    sql = "SELECT name FROM agents WHERE rate_due <= ? ORDER BY rate_due, name LIMIT ?"
    return [row[0] for row in session.all(sql, now.timestamp(), limit)]
