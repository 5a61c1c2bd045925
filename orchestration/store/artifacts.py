"""Results: small ones are in their step's row, large ones in the table `artifacts`."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from orchestration.ports import Row, Session

LARGEST_IN_ROW = 64 * 1024
CHUNK = 256 * 1024
KEPT = "SELECT result, artifact, error, status FROM steps WHERE run_id = ? AND step = ?"


def digest(body: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(body).hexdigest()


def chunks(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The pieces in which a content is written, numbered."""
    for number, start in enumerate(range(0, len(body), CHUNK)):
        yield number, body[start : start + CHUNK]


def put(session: Session, run_id: str, name: str, number: int, chunk: bytes) -> None:
    """Write one piece; the same piece again changes nothing."""
    session.run(
        "INSERT INTO artifacts (run_id, digest, chunk, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        *(run_id, name, number, chunk),
    )


def get(session: Session, run_id: str, name: str) -> bytes:
    """A content in one piece."""
    sql = "SELECT body FROM artifacts WHERE run_id = ? AND digest = ? ORDER BY chunk"
    return b"".join(bytes(row[0]) for row in session.all(sql, run_id, name))


def sizes(session: Session, run_id: str) -> list[tuple[str, int]]:
    """The contents of a run by name, each with its size in bytes."""
    sql = "SELECT digest, SUM(LENGTH(body)) FROM artifacts WHERE run_id = ? GROUP BY digest"
    return [(row[0], int(row[1])) for row in session.all(f"{sql} ORDER BY digest", run_id)]


def result(session: Session, run_id: str, step: str) -> list[Any]:
    """The results of a step's branches in order; None for a branch without one.

    A branch that failed without failing its run has `{"error": …}`.
    """
    rows = session.all(f"{KEPT} AND branch >= 0 ORDER BY branch", run_id, step)
    return [_value(session, run_id, row) for row in rows]


def of_branch(session: Session, run_id: str, step: str, branch: int) -> Any:
    """The result of one branch, in the form that `result` gives it."""
    row = session.one(f"{KEPT} AND branch = ?", run_id, step, branch)
    return row and _value(session, run_id, row)


def _value(session: Session, run_id: str, row: Row) -> Any:
    text, name, error, status = row
    if name is not None:
        return json.loads(get(session, run_id, name))
    if text is not None:
        return json.loads(text)
    return {"error": json.loads(error)} if status == "failed" else None
