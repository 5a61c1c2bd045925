"""The table `data_messages`: data that agents sent to the orchestrator."""

from datetime import datetime

from orchestration.ports import Session


def add(session: Session, data_type: str, sender: str, body: str, now: datetime) -> None:
    """Store data as they came."""
    session.run(
        "INSERT INTO data_messages (data_type, sender, received_at, body) VALUES (?, ?, ?, ?)",
        *(data_type, sender, now.timestamp(), body),
    )
