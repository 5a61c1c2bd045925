"""Facts in, decision out: the whole course of a run as pure functions."""

from collections.abc import Callable, Mapping
from typing import Any

from orchestration.decide import ending, forward
from orchestration.decide.effects import Decision
from orchestration.decide.facts import (
    Admitted,
    Approved,
    AttemptSettled,
    BackoffOver,
    CancelRequested,
    Completed,
    Condemned,
    DeadlineReached,
    Fact,
    Failed,
    HandedOver,
    Lost,
    PauseRequested,
    Rejected,
    Resolved,
    ResumeRequested,
    RetryRequested,
    Settled,
    StartTimedOut,
    Unresolvable,
)
from orchestration.state import Run

ANSWERS: Mapping[type[Fact], Callable[[Run, Any], Decision]] = {
    Admitted: forward.admitted,
    Resolved: forward.resolved,
    Unresolvable: ending.unresolvable,
    Completed: forward.completed,
    Failed: forward.failed,
    StartTimedOut: forward.start_timed_out,
    Lost: forward.lost,
    HandedOver: forward.handed_over,
    BackoffOver: forward.backoff_over,
    Approved: forward.approved,
    Rejected: ending.rejected,
    CancelRequested: ending.cancel_requested,
    DeadlineReached: ending.deadline_reached,
    Condemned: ending.condemned,
    PauseRequested: forward.pause_requested,
    ResumeRequested: forward.resume_requested,
    RetryRequested: forward.retry_requested,
    AttemptSettled: ending.attempt_settled,
    Settled: ending.settled,
}


def decide(run: Run, fact: Fact) -> Decision:
    """What follows from a fact: the run as it will be, and the effects to write with it.

    A fact that comes too late, for a run that has ended, changes nothing.

    Raises:
        IllegalTransitionError: The fact contradicts the run; the caller checked too little.
    """
    if run.status.ended and not isinstance(fact, RetryRequested):
        return Decision(run)
    return ANSWERS[type(fact)](run, fact)
