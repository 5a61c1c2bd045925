"""The table `audit`: what people did, when and why."""

from datetime import datetime

from orchestration.ports import Session


def add(session: Session, now: datetime, actor: str, action: str, subject: str) -> None:
    """Write what somebody did to something."""
    session.run(
        "INSERT INTO audit (at, actor, action, subject) VALUES (?, ?, ?, ?)",
        *(now.timestamp(), actor, action, subject),
    )
