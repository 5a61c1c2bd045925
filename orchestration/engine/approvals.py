"""Steps that wait for a person: alerted when the wait begins, again before it expires, and no more.

One alert stands for all runs of a command that wait at a step; it is over once none does.
"""

from datetime import datetime, timedelta

from orchestration.engine import alerts
from orchestration.engine.transaction import Transaction
from orchestration.plans import UNDO
from orchestration.state import Run
from orchestration.store import approvals, runs, steps
from orchestration.store.alerts import AlertKind
from orchestration.store.steps import StepRow

KIND = AlertKind.APPROVAL_WAITING
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
    approvals.set_timer(tx.session, run.id, name, until - notice(span))
    tell(tx, run.id, name, until)


def remind(tx: Transaction, row: StepRow) -> bool:
    """Ask for an approval again; False if its deadline has passed."""
    if row.deadline is None or row.deadline <= tx.now:
        return False
    steps.set_timer(tx.session, row, row.deadline)
    if approvals.first(tx.session, row.run_id, row.step) == row.branch:
        tell(tx, row.run_id, row.step, row.deadline)
    return True


def tell(tx: Transaction, run_id: str, name: str, until: datetime) -> None:
    """Raise the alert: one for all runs of a command that wait at this step within its cooldown."""
    command = runs.get(tx.session, run_id).command
    message = message_of(tx, run_id, command, name, until)
    cooldown = min(alerts.COOLDOWN, (until - tx.now) / 2)  # sent while there is time to answer
    subject = f"{command}:{name}"
    alerts.alert(tx, KIND, subject, message, run_id=run_id, cooldown=cooldown)


def end(tx: Transaction, run_id: str, name: str) -> None:
    """Let the alert be over if nobody waits any more, and else tell of those that still wait."""
    if approvals.first(tx.session, run_id, name) is not None:
        return
    command = runs.get(tx.session, run_id).command
    subject = f"{command}:{name}"
    told_of = alerts.run_to_tell_of(tx, KIND, subject)
    named = told_of
    if named is None or approvals.first(tx.session, named, name) is None:
        named = approvals.another(tx.session, command, name)
    if named is None:
        alerts.end(tx, KIND, subject)
    elif told_of is not None:  # else everybody has the alert: nothing is left to correct
        correct(tx, named, command, name)


def correct(tx: Transaction, run_id: str, command: str, name: str) -> None:
    """Let the alert tell of a run that still waits, wherever it has not been sent yet."""
    until = approvals.deadline(tx.session, run_id, name)
    if until is not None:
        message = message_of(tx, run_id, command, name, until)
        alerts.correct(tx, KIND, f"{command}:{name}", message, run_id=run_id)


def message_of(tx: Transaction, run_id: str, command: str, name: str, until: datetime) -> str:
    """One line for people: what waits, until when, and how to answer."""
    return (
        f"{command} waits for a person at step {name} until {until:%Y-%m-%d %H:%M:%S} UTC:"
        f" `orchestrate workflows approve {run_id} {name}`, or `reject` in its place"
        f"{and_more(tx, run_id, command, name)}"
    )


def and_more(tx: Transaction, run_id: str, command: str, name: str) -> str:
    """How many other runs of a command wait at a step, and where to see them; empty if none do."""
    others = approvals.count_others(tx.session, run_id, command, name, MOST_COUNTED)
    if not others:
        return ""
    said = "1 more run of it waits" if others == 1 else f"{others} more runs of it wait"
    most = "at least " if others == MOST_COUNTED else ""
    return f"; {most}{said} there: `orchestrate workflows list --command {command}`"
