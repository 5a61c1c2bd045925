"""The table `data_messages`: data that agents sent to the orchestrator."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.store import retention


def add(session: Session, data_type: str, sender: str, body: str, now: datetime) -> None:
    """Keep data as they came."""
    session.run(
        "INSERT INTO data_messages (data_type, sender, received_at, body) VALUES (?, ?, ?, ?)",
        *(data_type, sender, now.timestamp(), body),
    )


def forget(session: Session, before: datetime, keep: int, limit: int) -> int:
    """Drop so many of those that are too old, or beyond the newest `keep`."""
    return retention.forget_aged(session, "data_messages", before, keep, limit)
