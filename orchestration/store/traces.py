"""The table `traces`: which run belongs to which trace; empty while tracing is off."""

from orchestration.ports import Session
from orchestration.store.counting import BEGINNING, ENDS
from orchestration.store.times import moment
from orchestration.traces import Ended, Trace

ENDED = (
    f"SELECT t.own, t.parent, r.id, r.command, e.kind, ({BEGINNING}), e.at, EXISTS (SELECT 1"
    f" FROM events p WHERE p.run_id = e.run_id AND p.id < e.id AND p.kind IN ({ENDS}))"
    " FROM events e JOIN traces t ON t.run_id = e.run_id JOIN runs r ON r.id = e.run_id"
    f" WHERE e.id > ? AND e.id <= ? AND e.kind IN ({ENDS})"
)


def put(session: Session, run_id: str, trace: Trace) -> None:
    """Write a run's place in a trace."""
    session.run(
        "INSERT INTO traces (run_id, own, parent) VALUES (?, ?, ?)", run_id, trace.own, trace.parent
    )


def of_run(session: Session, run_id: str) -> Trace | None:
    """A run's place in a trace; None: it was not traced."""
    row = session.one("SELECT own, parent FROM traces WHERE run_id = ?", run_id)
    return None if row is None else Trace(*row)


def ended(session: Session, after: int, upto: int) -> list[tuple[Trace, Ended]]:
    """The traced runs that ended between two events."""
    found = []
    for own, parent, run_id, command, kind, began, at, again in session.all(ENDED, after, upto):
        run = Ended(
            id=run_id,
            command=command,
            status=kind.removeprefix("run."),
            began=moment(at if began is None else began),
            ended=moment(at),
            again=bool(again),
        )
        found.append((Trace(own, parent), run))
    return found
