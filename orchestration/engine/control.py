"""What people may do to a run: cancel, pause, resume, retry."""

from orchestration.decide import facts
from orchestration.engine import emergency
from orchestration.engine.advance import advance
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import StateError
from orchestration.state import Run, RunStatus
from orchestration.store import audit, runs


def cancel(tx: Transaction, run_id: str, by: By) -> RunStatus:
    """Cancel a run: nothing new starts, and steps that have an undo are undone first.

    Raises:
        StateError: The run has ended.
    """
    run = live(tx, run_id, "cancel")
    if not run.undoing:
        runs.set_reason(tx.session, run_id, f"cancelled by {by}")
    audit.add(tx.session, tx.now, str(by), "cancel", run_id)
    return advance(tx, run_id, facts.CancelRequested()).status


def pause(tx: Transaction, run_id: str, by: By) -> RunStatus:
    """Start nothing new in a run; claimed attempts may finish.

    Raises:
        StateError: The run has ended, is undoing, or is paused.
    """
    run = live(tx, run_id, "pause")
    if run.status in (RunStatus.UNDOING, RunStatus.PAUSED):
        raise StateError(f"{run_id} is {run.status}: it cannot be paused")
    audit.add(tx.session, tx.now, str(by), "pause", run_id)
    return advance(tx, run_id, facts.PauseRequested()).status


def resume(tx: Transaction, run_id: str, by: By) -> RunStatus:
    """Let a paused run ask for a slot again.

    Raises:
        StateError: The run is not paused.
        StoppedError: An emergency stop holds.
    """
    run = runs.load(tx.session, run_id)
    if run.status is not RunStatus.PAUSED:
        raise StateError(f"{run_id} is {run.status}, not paused: there is nothing to resume")
    emergency.check(tx, f"{run_id} cannot be resumed")
    audit.add(tx.session, tx.now, str(by), "resume", run_id)
    return advance(tx, run_id, facts.ResumeRequested()).status


def retry(tx: Transaction, run_id: str, by: By) -> RunStatus:
    """Let an ended run go on from its failed steps, as a new generation.

    Raises:
        StateError: The run neither failed nor was cancelled, or a step of it was undone.
        StoppedError: An emergency stop holds.
    """
    run = runs.load(tx.session, run_id)
    if run.status not in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise StateError(f"{run_id} is {run.status}: only a failed or cancelled run is retried")
    if run.undone:
        raise StateError(
            f"{run_id} was undone, so its finished steps no longer hold:"
            f" `orchestrate workflows fork {run_id}` makes a new run of it"
        )
    emergency.check(tx, f"{run_id} cannot be retried")
    audit.add(tx.session, tx.now, str(by), "retry", run_id)
    return advance(tx, run_id, facts.RetryRequested()).status


def live(tx: Transaction, run_id: str, verb: str) -> Run:
    """The run, if it has not ended.

    Raises:
        StateError: The run has ended.
    """
    run = runs.load(tx.session, run_id)
    if run.status.ended:
        raise StateError(f"{run_id} is {run.status} already: there is nothing to {verb}")
    return run
