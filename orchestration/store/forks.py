"""The rows that a fork takes over: finished steps, with their results."""

from collections.abc import Sequence

from orchestration.ports import Session

TAKEN = (
    "step, branch, agent, offer, status, rank, item, fraction, message, result, artifact,"
    " opened_at, ended_at, ended_order"
)


def take_over(session: Session, old: str, new: str, names: Sequence[str]) -> None:
    """Copy finished steps of one run into another, results included.

    The copies have attempt 0, which tells them from steps that the new run did itself.
    """
    marks = ", ".join(["NULL", *"?" * len(names)])  # NULL, since `names` may be empty
    chosen = f"run_id = ? AND step IN ({marks})"
    session.run(
        f"INSERT INTO steps (run_id, {TAKEN})"
        f" SELECT CAST(? AS TEXT), {TAKEN} FROM steps WHERE {chosen}",
        *(new, old, *names),
    )
    session.run(
        "INSERT INTO artifacts (run_id, digest, chunk, body)"
        " SELECT CAST(? AS TEXT), digest, chunk, body FROM artifacts WHERE run_id = ?"
        " AND digest IN (SELECT artifact FROM steps WHERE run_id = ? AND artifact IS NOT NULL)",
        *(new, old, new),
    )
