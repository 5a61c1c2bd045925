"""The circuits, which are columns of the table `agents`."""

from datetime import datetime, timedelta

from orchestration.circuit import CLOSED, Circuit, CircuitState
from orchestration.ports import Session
from orchestration.store.times import moment


def load(session: Session, agent: str) -> Circuit:
    """The circuit of an agent; closed for one that is not known yet."""
    row = session.one(
        "SELECT circuit, failures, circuit_pause, circuit_since FROM agents WHERE name = ?", agent
    )
    if row is None:
        return CLOSED
    state, failures, pause, since = row
    return Circuit(CircuitState(state), failures, timedelta(seconds=pause), moment(since))


def save(session: Session, agent: str, circuit: Circuit) -> None:
    """Write the circuit of an agent; an unknown agent is registered by it."""
    session.run(
        "INSERT INTO agents (name, status, circuit, failures, circuit_pause, circuit_since,"
        " circuit_due) VALUES (?, 'unknown', ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
        " circuit = EXCLUDED.circuit, failures = EXCLUDED.failures,"
        " circuit_pause = EXCLUDED.circuit_pause, circuit_since = EXCLUDED.circuit_since,"
        " circuit_due = EXCLUDED.circuit_due",
        *(agent, circuit.state, circuit.failures, circuit.pause.total_seconds()),
        *(at and at.timestamp() for at in (circuit.since, circuit.due)),
    )


def due(session: Session, now: datetime, limit: int) -> list[str]:
    """Agents whose open circuit has paused for long enough."""
    sql = "SELECT name FROM agents WHERE circuit_due <= ? ORDER BY circuit_due, name LIMIT ?"
    return [row[0] for row in session.all(sql, now.timestamp(), limit)]


def probes(session: Session, queue: str, since: datetime) -> int:
    """How many branches of a queue are sent but unclaimed, or running since that moment."""
    row = session.one(
        "SELECT COUNT(*) FROM steps WHERE queue = ? AND (status = 'queued'"
        " OR (status = 'running' AND claimed_at >= ?))",
        *(queue, since.timestamp()),
    )
    return int(row[0]) if row else 0
