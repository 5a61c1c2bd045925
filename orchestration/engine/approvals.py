"""What waits for a person: said when it begins, and again before its time is over."""

from datetime import datetime, timedelta

from orchestration.engine import alerts
from orchestration.engine.transaction import Transaction
from orchestration.plans import UNDO
from orchestration.state import Run
from orchestration.store import approvals, runs, steps
from orchestration.store.alerts import AlertKind
from orchestration.store.steps import StepRow

LAST_SHARE = 0.1
MOST_COUNTED = 1_000
LONGEST_NOTICE = timedelta(hours=1)


def notice(span: timedelta) -> timedelta:
    """How long before its end an approval is asked for again."""
    return min(span * LAST_SHARE, LONGEST_NOTICE)


def begin(tx: Transaction, run: Run, name: str) -> None:
    """Let people know that a step waits for one of them, and wake up before it is too late."""
    span = run.plan.step[name.removeprefix(UNDO)].approved_within
    if span is None:
        return
    until = tx.now + span
    approvals.wake(tx.session, run.id, name, until - notice(span))
    tell(tx, run.id, name, until)


def remind(tx: Transaction, row: StepRow) -> bool:
    """Ask for an approval again; False if its time is over."""
    if row.deadline is None or row.deadline <= tx.now:
        return False
    steps.wake(tx.session, row, row.deadline)
    if approvals.first(tx.session, row.run_id, row.step) == row.branch:
        tell(tx, row.run_id, row.step, row.deadline)
    return True


def tell(tx: Transaction, run_id: str, name: str, until: datetime) -> None:
    """Raise the alert: one for all runs that come to wait at this step within a while."""
    command = runs.get(tx.session, run_id).command
    others = approvals.count_others(tx.session, run_id, command, name, MOST_COUNTED)
    more = str(others) if others < MOST_COUNTED else f"at least {others}"
    message = (
        f"{command} waits for a person at step {name} until {until:%Y-%m-%d %H:%M:%S} UTC:"
        f" `orchestrate workflows approve {run_id} {name}`, or `reject` in its place"
    ) + (f"; {more} more runs of it wait there" if others else "")
    cooldown = min(alerts.COOLDOWN, (until - tx.now) / 2)  # it is told while there is time
    subject, kind = f"{command}:{name}", AlertKind.APPROVAL_WAITING
    alerts.alert(tx, kind, subject, message, run_id=run_id, cooldown=cooldown)
