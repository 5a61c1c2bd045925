"""How runs go on: from step to step, through retries, losses, approvals and pauses."""

from dataclasses import replace

from orchestration.decide.effects import Decision, Effect, Move, MoveAll, Open, Resolve, Settle
from orchestration.decide.ending import end, go_on_undoing
from orchestration.decide.facts import (
    Admitted,
    Approved,
    BackoffOver,
    Completed,
    Failed,
    HandedOver,
    Lost,
    PauseRequested,
    Resolved,
    ResumeRequested,
    RetryRequested,
    StartTimedOut,
)
from orchestration.plans import UNDO, Retry, Step
from orchestration.state import MOVING, Run, RunStatus, StepStatus

MOST_LOSSES = 3
UNDO_RETRY = Retry(attempts=5)


def admitted(run: Run, _fact: Admitted) -> Decision:
    """The run has its slot: held branches become ready, and steps that are due begin."""
    run, moves = _move_all(run.to(RunStatus.RUNNING), (StepStatus.HELD,), StepStatus.READY)
    return _go_on(run, moves)


def resolved(run: Run, fact: Resolved) -> Decision:
    """Open the branches of a step, or skip it."""
    step = run.plan.step[fact.step]
    if run.undoing:
        return Decision(run)
    if not fact.wanted:
        skipped = run.with_branches(step.name, StepStatus.SKIPPED, 1)
        return _go_on(skipped, (Open(step.name, 0, 1, StepStatus.SKIPPED),), step.name)
    status = StepStatus.WAITING if step.approval else _next_status(run)
    opened = run.with_branches(step.name, status, fact.branches)
    opening = (Open(step.name, 0, fact.branches, status),)
    if fact.branches and status in MOVING:
        return Decision(opened, opening)  # the run has work, and no other step is due by this
    return _go_on(opened, opening, step.name)


def completed(run: Run, fact: Completed) -> Decision:
    """One branch is done, and with it perhaps its step and the run."""
    return _close(run, fact.step, fact.branch, StepStatus.RUNNING, StepStatus.COMPLETED)


def failed(run: Run, fact: Failed) -> Decision:
    """Try again after a pause while the retry policy allows, else the branch has failed."""
    retry = UNDO_RETRY if fact.step.startswith(UNDO) else run.plan.step[fact.step].retry
    if not fact.retryable or fact.failures >= retry.attempts:
        return _give_up(run, fact.step, fact.branch)
    source, target = StepStatus.RUNNING, StepStatus.BACKOFF
    move = Move(fact.step, fact.branch, source, target, retry.pause(fact.failures))
    return Decision(run.moved(fact.step, source, target), (move,))


def start_timed_out(run: Run, fact: StartTimedOut) -> Decision:
    """The branch that no worker took has failed: another try would find no worker either."""
    return _give_up(run, fact.step, fact.branch, StepStatus.READY)


def lost(run: Run, fact: Lost) -> Decision:
    """Run the branch on another worker; one that took three workers with it has failed."""
    if fact.losses >= MOST_LOSSES:
        return _give_up(run, fact.step, fact.branch)
    return _move(run, fact.step, fact.branch, StepStatus.RUNNING)


def handed_over(run: Run, fact: HandedOver) -> Decision:
    """Run the branch on another worker, as if it had never been claimed."""
    return _move(run, fact.step, fact.branch, StepStatus.RUNNING)


def backoff_over(run: Run, fact: BackoffOver) -> Decision:
    """The next try may begin."""
    return _move(run, fact.step, fact.branch, StepStatus.BACKOFF)


def approved(run: Run, fact: Approved) -> Decision:
    """Let the branch go on; a run that was only waiting has to ask for a slot again."""
    decision = _move(run, fact.step, fact.branch, StepStatus.WAITING)
    if run.status is not RunStatus.WAITING:
        return decision
    return replace(decision, run=decision.run.to(RunStatus.PENDING))


def pause_requested(run: Run, _fact: PauseRequested) -> Decision:
    """Hold the branches that are not claimed; claimed attempts may finish."""
    run = run.to(RunStatus.PAUSED)
    return Decision(*_move_all(run, (StepStatus.READY,), StepStatus.HELD))


def resume_requested(run: Run, _fact: ResumeRequested) -> Decision:
    """A resumed run asks for a slot again; one that was paused while undoing goes on undoing."""
    return go_on_undoing(run) if run.undoing else Decision(run.to(RunStatus.PENDING))


def retry_requested(run: Run, _fact: RetryRequested) -> Decision:
    """A new generation goes on from the failed steps; finished steps stay finished."""
    run = run.to(RunStatus.PENDING)._replace(generation=run.generation + 1, ending=None)
    effects: list[Effect] = []
    for step in run.plan.steps:
        if run.finished(step):
            continue
        target = StepStatus.WAITING if step.approval else StepStatus.HELD
        sources = (StepStatus.FAILED, StepStatus.CANCELLED)
        run, moves = _move_all(run, sources, target, step)
        effects.extend(moves)
    return Decision(run, tuple(effects))


def _close(run: Run, step: str, branch: int, source: StepStatus, target: StepStatus) -> Decision:
    run = run.moved(step, source, target)
    move = Move(step, branch, source, target)
    if run.undoing:
        return Decision(run, (move, Settle()))
    return _go_on(run, (move,), step)


def _give_up(run: Run, step: str, branch: int, source: StepStatus = StepStatus.RUNNING) -> Decision:
    target = StepStatus.FAILED
    if not step.startswith(UNDO) and not run.plan.step[step].required:
        return _close(run, step, branch, source, target)
    run = run.moved(step, source, target)
    move = Move(step, branch, source, target)
    if run.undoing:
        return Decision(run.to(RunStatus.FAILED)._replace(ending=None), (move,))
    ended = end(run, RunStatus.FAILED)
    return Decision(ended.run, (move, *ended.effects))


def _go_on(run: Run, effects: tuple[Effect, ...], after: str | None = None) -> Decision:
    """Begin every due step, of those that need `after` if given; without one, wait or complete."""
    steps = run.plan.steps
    begin = [s for s in steps if (after is None or after in s.needs) and _is_due(run, s)]
    if not begin and run.done:
        return Decision(run.to(RunStatus.COMPLETED), effects)
    if run.status is RunStatus.RUNNING and not begin and not run.count_branches(*MOVING):
        others = any(_is_due(run, step) for step in steps)  # they are being begun already
        run = run if others else run.to(RunStatus.WAITING)
    return Decision(run, (*effects, *(Resolve(step.name) for step in begin)))


def _is_due(run: Run, step: Step) -> bool:
    if step.name in run.tallies:
        return False
    return all(run.finished(run.plan.step[need]) for need in step.needs)


def _next_status(run: Run) -> StepStatus:
    """Ready in a run that is running or undoing, else held: no other run dispatches."""
    going = run.status in (RunStatus.RUNNING, RunStatus.UNDOING)
    return StepStatus.READY if going else StepStatus.HELD


def _move(run: Run, step: str, branch: int, source: StepStatus) -> Decision:
    target = _next_status(run)
    return Decision(run.moved(step, source, target), (Move(step, branch, source, target),))


def _move_all(
    run: Run, sources: tuple[StepStatus, ...], target: StepStatus, only: Step | None = None
) -> tuple[Run, tuple[Effect, ...]]:
    effects: list[Effect] = []
    for step, tally in run.tallies.items():
        if only is not None and step != only.name:
            continue
        for source in sources:
            if source in tally:
                run = run.moved(step, source, target, tally[source])
                effects.append(MoveAll(step, source, target))
    return run, tuple(effects)
