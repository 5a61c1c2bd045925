"""The progress of runs that are at work: columns of the tables `runs` and `steps`."""

from typing import NamedTuple

from orchestration.ports import Session
from orchestration.store.times import moment

SQL = (
    "SELECT r.id, r.status, r.progress, s.step, s.branch, s.fraction, s.message, s.claimed_at"
    " FROM runs r LEFT JOIN steps s ON s.run_id = r.id AND s.status = 'running'"
    " WHERE r.status IN ('running', 'undoing') ORDER BY r.id, s.step, s.branch"
)


class Fraction(NamedTuple):
    """How far a running branch is."""

    step: str
    branch: int
    fraction: float
    message: str
    since: str


class Pace(NamedTuple):
    """How far a run is."""

    status: str
    progress: float
    branches: tuple[Fraction, ...]


def paces(session: Session) -> dict[str, Pace]:
    """Every run that works or undoes, with its running branches."""
    found: dict[str, tuple[str, float, list[Fraction]]] = {}
    for run_id, status, progress, step, branch, fraction, message, since in session.all(SQL):
        _, _, branches = found.setdefault(run_id, (status, progress, []))
        if step is not None:
            at = moment(float(since)) if since is not None else None
            text = "" if at is None else at.isoformat(timespec="milliseconds")
            branches.append(Fraction(step, branch, fraction, message, text))
    return {
        run_id: Pace(status, round(progress, 4), tuple(branches))
        for run_id, (status, progress, branches) in found.items()
    }
