"""The table `tallies`: how many branches of a step have which status.

It is moved in the transaction that moves a branch, so that a decision costs the same in a run of
one branch and of ten thousand.
"""

from orchestration.ports import Session
from orchestration.state import StepStatus

ADD = (
    " ON CONFLICT (run_id, step, status)"
    " DO UPDATE SET branches = tallies.branches + EXCLUDED.branches"
)


def add(session: Session, run_id: str, step: str, status: StepStatus, branches: int) -> None:
    """Count new branches; none at all still show that the step has begun."""
    session.run(
        f"INSERT INTO tallies (run_id, step, status, branches) VALUES (?, ?, ?, ?) {ADD}",
        *(run_id, step, status, branches),
    )


def move(session: Session, run_id: str, step: str, source: StepStatus, target: StepStatus) -> None:
    """Count one branch in another status."""
    if source is not target:
        session.run(
            "INSERT INTO tallies (run_id, step, status, branches)"
            f" VALUES (?, ?, ?, -1), (?, ?, ?, 1) {ADD}",
            *(run_id, step, source, run_id, step, target),
        )


def of_run(session: Session, run_id: str) -> dict[str, dict[StepStatus, int]]:
    """For each step that has begun its branches by status; an empty fan-out has none."""
    counted: dict[str, dict[StepStatus, int]] = {}
    sql = "SELECT step, status, branches FROM tallies WHERE run_id = ? ORDER BY step, status"
    for step, status, branches in session.all(sql, run_id):
        tally = counted.setdefault(step, {})
        if branches:
            tally[StepStatus(status)] = branches
    return counted


def fractions(session: Session, run_id: str) -> dict[str, float]:
    """For each step the sum of the fractions of its running branches, where any has told one."""
    sql = (
        "SELECT step, SUM(fraction) FROM steps WHERE run_id = ? AND status = 'running'"
        " AND fraction > 0 GROUP BY step"
    )
    return dict(session.all(sql, run_id))
