"""The table `pauses`: who has paused which agent; `agents.paused` is set while anyone has."""

from datetime import datetime

from orchestration.ports import Session


def add(session: Session, agent: str, owner: str, now: datetime) -> None:
    """Write that an owner pauses an agent."""
    session.run(
        "INSERT INTO pauses (agent, owner, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        *(agent, owner, now.timestamp()),
    )
    session.run("UPDATE agents SET paused = 1 WHERE name = ?", agent)


def remove(session: Session, agent: str, owner: str) -> bool:
    """Remove one owner's pause of an agent; False if there was none."""
    found = session.changed("DELETE FROM pauses WHERE agent = ? AND owner = ?", agent, owner)
    session.run(
        "UPDATE agents SET paused = 0 WHERE name = ?"
        " AND NOT EXISTS (SELECT 1 FROM pauses WHERE agent = name)",
        agent,
    )
    return bool(found)


def owners(session: Session) -> dict[str, list[str]]:
    """For each paused agent the owners of its pauses, oldest first."""
    found: dict[str, list[str]] = {}
    for agent, owner in session.all("SELECT agent, owner FROM pauses ORDER BY agent, at, owner"):
        found.setdefault(agent, []).append(owner)
    return found


def of_ended_runs(session: Session) -> list[tuple[str, str]]:
    """Agent and run of each pause whose run has ended."""
    sql = "SELECT agent, owner FROM pauses JOIN runs ON id = owner WHERE ended_at IS NOT NULL"
    return [(agent, owner) for agent, owner in session.all(sql)]
