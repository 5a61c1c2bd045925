"""Steps that wait for a person: alerted when the wait begins, and again before it expires."""

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
    """How long before its deadline an approval is asked for again."""
    return min(span * LAST_SHARE, LONGEST_NOTICE)


def begin(tx: Transaction, run: Run, name: str) -> None:
    """Alert people that a step waits for an approval, and set the timer of the reminder."""
    span = run.plan.step[name.removeprefix(UNDO)].approved_within
    if span is None:
        return
    until = tx.now + span
    approvals.wake(tx.session, run.id, name, until - notice(span))
    tell(tx, run.id, name, until)


def remind(tx: Transaction, row: StepRow) -> bool:
    """Ask for an approval again; False if its deadline has passed."""
    if row.deadline is None or row.deadline <= tx.now:
        return False
    steps.wake(tx.session, row, row.deadline)
    if approvals.first(tx.session, row.run_id, row.step) == row.branch:
        tell(tx, row.run_id, row.step, row.deadline)
    return True


def tell(tx: Transaction, run_id: str, name: str, until: datetime) -> None:
    """Raise the alert: one for all runs of a command that wait at this step within its cooldown."""
    command = runs.get(tx.session, run_id).command
    message = (
        f"{command} waits for a person at step {name} until {until:%Y-%m-%d %H:%M:%S} UTC:"
        f" `orchestrate workflows approve {run_id} {name}`, or `reject` in its place"
        f"{and_more(tx, run_id, command, name)}"
    )
    cooldown = min(alerts.COOLDOWN, (until - tx.now) / 2)  # sent while there is time to answer
    subject, kind = f"{command}:{name}", AlertKind.APPROVAL_WAITING
    alerts.alert(tx, kind, subject, message, run_id=run_id, cooldown=cooldown)


def and_more(tx: Transaction, run_id: str, command: str, name: str) -> str:
    """How many other runs of a command wait at a step, and where to see them; empty if none do."""
    others = approvals.count_others(tx.session, run_id, command, name, MOST_COUNTED)
    if not others:
        return ""
    said = "1 more run of it waits" if others == 1 else f"{others} more runs of it wait"
    most = "at least " if others == MOST_COUNTED else ""
    return f"; {most}{said} there: `orchestrate workflows list --command {command}`"
