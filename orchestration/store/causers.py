"""Who has caused a run besides its sender: the owner of its schedule, the user of RabbitMQ."""

import json
from collections.abc import Iterable

from orchestration.ports import Session


def write(session: Session, run_id: str, names: Iterable[str]) -> None:
    """Write who has caused a run besides its sender."""
    session.run("UPDATE runs SET caused_by = ? WHERE id = ?", text(names), run_id)


def text(names: Iterable[str]) -> str:
    """Names of causers, as they are stored."""
    return json.dumps(sorted(names))


def of_run(session: Session, run_id: str) -> list[str]:
    """Everybody who has caused a run, its sender first."""
    row = session.one("SELECT sender, caused_by FROM runs WHERE id = ?", run_id)
    return [] if row is None else [row[0], *json.loads(row[1] or "[]")]
