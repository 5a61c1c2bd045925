"""The branches that a run has left to undo."""

from orchestration.ports import Session


def undoable(
    session: Session, run_id: str, step_names: list[str], limit: int
) -> list[tuple[str, int]]:
    """Branches that this run itself did, or may have done, and has not undone, the latest first."""
    marks = ", ".join("?" * len(step_names))
    rows = session.all(
        "SELECT s.step, s.branch FROM steps s WHERE s.run_id = ?"
        f" AND s.step IN ({marks}) AND s.branch >= 0"
        " AND (s.status = 'completed' AND s.attempt > 0 OR s.unknown = 1)"
        " AND NOT EXISTS (SELECT 1 FROM steps u WHERE u.run_id = s.run_id"
        " AND u.step = 'undo.' || s.step AND u.branch = s.branch)"
        " ORDER BY s.unknown DESC, s.ended_order DESC, s.opened_at DESC, s.branch DESC LIMIT ?",
        *(run_id, *step_names, limit),
    )
    return [(row[0], row[1]) for row in rows]
