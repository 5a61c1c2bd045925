"""Why a run is not further than it is: one line that names what the run waits for, and the cure.

`why` is a pure function over `Facts`.
"""

from orchestration.plans import UNDO
from orchestration.state import RunStatus
from orchestration.store.steps import OUTSIDE
from orchestration.views.blocker import (
    MOST_NAMED,
    Blocker,
    clock,
    command,
    no_worker,
    rouse,
    silence,
)
from orchestration.views.branches import open_branches
from orchestration.views.facts import Facts

NEEDS_BROKER = frozenset({"no_worker", "starting", "ready", "queued", "not_arriving", "outside"})


def why(facts: Facts) -> Blocker:
    """What a run waits for."""
    run = facts.run
    if not run.status.ended and (for_all := everybody(facts)):
        return for_all
    match run.status:
        case RunStatus.PAUSED:
            who = f" by {facts.paused}" if facts.paused else ""
            return Blocker("paused", f"{run.id} is paused{who}", f"`{command('resume', run)}`")
        case RunStatus.PENDING:
            return pending(facts)
        case RunStatus.RUNNING | RunStatus.WAITING:
            return open_branches(facts, facts.rows)
        case RunStatus.UNDOING:
            return undoing(facts)
        case _:
            return ended(facts)


def everybody(facts: Facts) -> Blocker | None:
    """What holds up every run that has not ended."""
    if facts.stopped is not None:
        what = f"{facts.run.id} is held by the emergency stop of {facts.stopped}"
        return Blocker("emergency_stop", what, "`orchestrate emergency release`")
    if facts.writer is not None:
        what = f"process {facts.writer} has the store to itself for seconds, nobody else can write"
        return Blocker("store_locked", what, "wait until it lets go, or end it")
    return None


def pending(facts: Facts) -> Blocker:
    """Why a run has no slot."""
    if not facts.live:
        return no_worker(facts, f"{facts.run.id} is pending, and no worker is there for it")
    if len(facts.holders) >= facts.slots:
        names = ", ".join(facts.holders[:MOST_NAMED])
        more = len(facts.holders) - MOST_NAMED
        others = f" and {more} more" if more > 0 else ""
        taken = "the only slot is" if facts.slots == 1 else f"all {facts.slots} slots are"
        what = f"{taken} taken, by {names}{others}"
        cure = "it starts when one of them ends; raise MAX_CONCURRENT_WORKFLOWS for more at once"
        return Blocker("behind_the_limit", what, cure)
    return Blocker("starting", "a slot is free", "it starts in a moment")


def undoing(facts: Facts) -> Blocker:
    """What an undo waits for."""
    if not facts.acting:
        return open_branches(facts, [row for row in facts.rows if row.step.startswith(UNDO)])
    step, number, worker = facts.acting[0]
    where, name = facts.place(worker), f"{step}[{number}]" if number else step
    if worker.startswith(OUTSIDE):
        what = f"undo waits for step {name}, which may still act at {where}"
        return Blocker("undo_waits", what, "it begins when that agent answers, or its time is over")
    if worker in facts.silent:
        what = f"undo waits for step {name}, which may still act at {silence(facts, worker)}"
        cure = f"it begins when that process ends; {rouse(facts, [worker])}"
        return Blocker("undo_waits", what, cure)
    if not facts.live:
        return no_worker(facts, f"undo waits for step {name} at {where}, and no worker lives")
    what = f"undo waits for step {name}, which may still act at worker {where}"
    return Blocker("undo_waits", what, "it begins when that attempt stops, or its process ends")


def ended(facts: Facts) -> Blocker:
    """How a run ended, and what can be done with it."""
    run = facts.run
    what = f"{run.id} {run.status} at {clock(run.ended_at)}"
    if run.status is RunStatus.COMPLETED:
        return Blocker("ended", what, f"`{command('watch', run)}` prints its result")
    undone = any(row.step.startswith(UNDO) for row in facts.rows)
    reasons = "; ".join(facts.errors) or "no message"
    cure = command("fork" if undone else "retry", run)
    return Blocker("ended", f"{what} ({reasons})", f"`{cure}`")
