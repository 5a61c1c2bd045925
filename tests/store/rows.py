"""Rows for tests of the store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.plans import Plan, Step
from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import runs, steps
from orchestration.store.runs import NewRun
from orchestration.store.steps import StepRow

NOW = datetime(2025, 9, 12, 12, 0, 0, 123456, UTC)
MINUTE = timedelta(minutes=1)
PLAN = Plan(
    "restock",
    (Step("packing", "warehouse", "pack", for_each="parameters.skus"), Step("other", "a", "b")),
    "packing",
    {"warehouse": 2},
)


def add_run(session: Session, run_id: str, now: datetime = NOW, **more: Any) -> None:
    new = NewRun(
        **{
            "id": run_id,
            "plan": PLAN,
            "parameters": "{}",
            "sender": "management",
            "correlation_id": None,
            "priority": 2,
            "needs_slot": True,
            **more,
        }
    )
    runs.insert(session, new, now)


def move_run(
    session: Session, run_id: str, status: RunStatus, now: datetime = NOW, **more: Any
) -> None:
    """Save a run in another status, whatever the table says."""
    before = runs.load(session, run_id)
    after = type(before)(
        **{
            "id": run_id,
            "plan": before.plan,
            "status": status,
            "generation": before.generation,
            **more,
        }
    )
    runs.save(session, before, after, 0.0, now, timedelta(minutes=15))


def add_step(
    session: Session,
    branch: int = 0,
    status: StepStatus = StepStatus.READY,
    now: datetime = NOW,
    **more: Any,
) -> StepRow:
    new = StepRow(
        **{
            "run_id": "r1",
            "step": "packing",
            "branch": branch,
            "agent": "warehouse",
            "offer": "warehouse.pack@2",
            "status": status,
            "rank": 0.0,
            "item": None,
            "opened_at": now,
            **more,
        }
    )
    waits = new.status in steps.WAITING_FOR_SOMEBODY
    begun = new._replace(
        deadline=new.due_at if waits else None,
        ended_at=now if status is StepStatus.SKIPPED else None,
    )
    steps.insert(session, begun)
    return row(session, new.run_id, new.step, branch)


def taken(sent: StepRow, owner: str = "w1", due_at: datetime = NOW + MINUTE) -> StepRow:
    """A branch as it is once a worker has claimed its next attempt."""
    return sent._replace(
        status=StepStatus.RUNNING,
        owner=owner,
        worker=owner,
        attempt=sent.attempt + 1,
        claimed_at=NOW,
        due_at=due_at,
        deadline=NOW + 10 * MINUTE,
    )


def counted(session: Session, run_id: str) -> dict[str, dict[StepStatus, int]]:
    """The tallies that a run should have, counted anew; sent branches count as ready."""
    found: dict[str, dict[StepStatus, int]] = {}
    sql = "SELECT step, branch < 0, status, COUNT(*) FROM steps WHERE run_id = ? GROUP BY 1, 2, 3"
    for step, empty, status, count in session.all(sql, run_id):
        tally = found.setdefault(step, {})
        if not empty:
            known = StepStatus.READY if status == "queued" else StepStatus(status)
            tally[known] = tally.get(known, 0) + count
    return found


def row(session: Session, run_id: str = "r1", step: str = "packing", branch: int = 0) -> StepRow:
    found = steps.get(session, run_id, step, branch)
    assert found is not None
    return found
