"""How runs end: stop dispatching, wait until nothing acts, undo in reverse, end."""

from orchestration.decide.effects import Decision, MoveAll, Open, Settle
from orchestration.decide.facts import (
    AttemptSettled,
    CancelRequested,
    Condemned,
    DeadlineReached,
    Rejected,
    Settled,
    Unresolvable,
)
from orchestration.plans import UNDO
from orchestration.state import OPEN, Run, RunStatus, StepStatus


def end(run: Run, status: RunStatus) -> Decision:
    """Cancel the open branches, and undo the steps that have begun; then end with this status.

    An undoing run is on its way already.
    """
    if run.undoing:
        return Decision(run)
    begun = any(step.undo and step.name in run.tallies for step in run.plan.steps)
    run, moves = cancel_open(run)
    if begun:
        return Decision(run.to(RunStatus.UNDOING)._replace(ending=status), (*moves, Settle()))
    return Decision(run.to(status)._replace(ending=None), moves)


def cancel_open(run: Run) -> tuple[Run, tuple[MoveAll, ...]]:
    """Move every open branch to `cancelled`."""
    moves = []
    for step, tally in run.tallies.items():
        for source in sorted(OPEN & tally.keys()):
            run = run.moved(step, source, StepStatus.CANCELLED, tally[source])
            moves.append(MoveAll(step, source, StepStatus.CANCELLED))
    return run, tuple(moves)


def attempt_settled(run: Run, _fact: AttemptSettled) -> Decision:
    """Check whether the next undo may begin: it may have waited for this attempt."""
    return Decision(run, (Settle(),))


def settled(run: Run, fact: Settled) -> Decision:
    """Undo the latest branch that is left, one at a time; end the run when none is."""
    if run.status is not RunStatus.UNDOING or run.ending is None or run.count_branches(*OPEN):
        return Decision(run)
    if not fact.undoable:
        return Decision(run.to(run.ending)._replace(ending=None))
    step, branch = fact.undoable[0]
    undo = UNDO + step
    opened = run.with_branches(undo, StepStatus.READY, 1)
    return Decision(opened, (Open(undo, branch, 1, StepStatus.READY),))


def unresolvable(run: Run, _fact: Unresolvable) -> Decision:
    """A path led nowhere: the run fails."""
    return end(run, RunStatus.FAILED)


def rejected(run: Run, _fact: Rejected) -> Decision:
    """An approval was refused, or not answered in time: the run is cancelled."""
    return end(run, RunStatus.CANCELLED)


def cancel_requested(run: Run, _fact: CancelRequested) -> Decision:
    """Cancel the run, whatever its status; a run that was paused while undoing goes on undoing."""
    if run.undoing and run.status is RunStatus.PAUSED:
        return go_on_undoing(run)
    return end(run, RunStatus.CANCELLED)


def go_on_undoing(run: Run) -> Decision:
    """Let a run that was paused while undoing go on with its undo."""
    going, moves = run.to(RunStatus.UNDOING), []
    for step, tally in run.tallies.items():
        if held := tally.get(StepStatus.HELD):
            going = going.moved(step, StepStatus.HELD, StepStatus.READY, held)
            moves.append(MoveAll(step, StepStatus.HELD, StepStatus.READY))
    return Decision(going, (*moves, Settle()))


def deadline_reached(run: Run, _fact: DeadlineReached) -> Decision:
    """Fail the run if it is `running`: no other status counts against the workflow's timeout."""
    return end(run, RunStatus.FAILED) if run.status is RunStatus.RUNNING else Decision(run)


def condemned(run: Run, _fact: Condemned) -> Decision:
    """A critical error: the run fails, unless it is ending already."""
    return end(run, RunStatus.FAILED)
