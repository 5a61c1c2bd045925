"""Results: small ones stand in their step's row, large ones in the table `artifacts`."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from orchestration.ports import Session

LARGEST_IN_ROW = 64 * 1024
CHUNK = 256 * 1024


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


def result(session: Session, run_id: str, step: str) -> list[Any]:
    """The results of a step's branches in order: null for one that has none.

    A branch that failed without failing its run has `{"error": …}`.
    """
    rows = session.all(
        "SELECT result, artifact, error, status FROM steps WHERE run_id = ? AND step = ?"
        " AND branch >= 0 ORDER BY branch",
        *(run_id, step),
    )
    values: list[Any] = []
    for text, name, error, status in rows:
        if name is not None:
            values.append(json.loads(get(session, run_id, name)))
        elif text is not None:
            values.append(json.loads(text))
        elif status == "failed":
            values.append({"error": json.loads(error)})
        else:
            values.append(None)
    return values
