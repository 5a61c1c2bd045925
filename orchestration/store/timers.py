"""Wake-ups, which are columns of the tables `steps`, `runs`, `agents` and `alerts`."""

from datetime import datetime

from orchestration.ports import Session


def postpone_step(session: Session, key: tuple[str, str, int], until: datetime) -> None:
    """Let one branch that is due wake up later."""
    session.run(
        "UPDATE steps SET due_at = ? WHERE run_id = ? AND step = ? AND branch = ?",
        *(until.timestamp(), *key),
    )


def postpone_run(session: Session, run_id: str, until: datetime) -> None:
    """Let the deadline of one run come later."""
    session.run("UPDATE runs SET due_at = ? WHERE id = ?", until.timestamp(), run_id)


def shift(session: Session, seconds: float) -> None:
    """Move every timer, after the clock of this machine was set."""
    session.run("UPDATE steps SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    session.run("UPDATE steps SET deadline = deadline + ? WHERE deadline IS NOT NULL", seconds)
    session.run("UPDATE runs SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    session.run(
        "UPDATE agents SET circuit_due = circuit_due + ? WHERE circuit_due IS NOT NULL", seconds
    )
    session.run(
        "UPDATE agents SET circuit_since = circuit_since + ? WHERE circuit_since IS NOT NULL",
        seconds,
    )
    session.run("UPDATE alerts SET quiet_until = quiet_until + ?", seconds)
    session.run("UPDATE alerts SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    session.run(
        "UPDATE runs SET running_since = running_since + ? WHERE running_since IS NOT NULL", seconds
    )
