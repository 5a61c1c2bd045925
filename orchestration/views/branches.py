"""What an open branch waits for; of several branches, the one that needs a person most."""

from collections.abc import Sequence
from dataclasses import replace

from orchestration.state import OPEN, StepStatus
from orchestration.store.steps import StepRow
from orchestration.store.workers import WorkerRow
from orchestration.views import error
from orchestration.views.blocker import (
    MOST_NAMED,
    Blocker,
    broker_away,
    clock,
    command,
    held_back,
    no_worker,
    rouse,
    silence,
    span,
)
from orchestration.views.facts import Facts
from orchestration.views.workflow import label


def open_branches(facts: Facts, rows: Sequence[StepRow]) -> Blocker:
    """What holds up the open branches: of several blockers the one that needs a person most."""
    found = [branch(facts, row) for row in rows if row.status in OPEN]
    going = Blocker("going_on", f"{facts.run.id} is between two steps", "it goes on in a moment")
    return min(found, key=lambda blocker: URGENCY.index(blocker.kind), default=going)


URGENCY = (
    "broker_away",
    "no_worker",
    "no_offer",
    "silent",
    "not_arriving",
    "agent_paused",
    "circuit_open",
    "circuit_half_open",
    "outside",
    "running",
    "backing_off",
    "agent_busy",
    "agent_paced",
    "queued",
    "ready",
    "approval",
)


def branch(facts: Facts, row: StepRow) -> Blocker:
    """What one open branch waits for."""
    match row.status:
        case StepStatus.RUNNING:
            return running(facts, row)
        case StepStatus.BACKOFF:
            times = "once" if row.failures == 1 else f"{row.failures} times"
            what = f"step {label(row)} failed {times} ({error.one_line(row.error) or 'no message'})"
            return Blocker("backing_off", what, f"it is tried again at {clock(row.due_at)}")
        case StepStatus.WAITING:
            what = f"step {label(row)} waits for an approval until {clock(row.deadline)}"
            cure = f"`{command('approve', facts.run)} {row.step}`, or `reject` in its place"
            return Blocker("approval", what, cure)
        case _:
            return unclaimed(facts, row)


def running(facts: Facts, row: StepRow) -> Blocker:
    """The worker of a running branch, since when it runs, and its last progress."""
    if row.is_outside:
        return outside(facts, row)
    since = row.claimed_at or facts.now
    said = f"{row.fraction:.0%}" + (f" {row.message}" if row.message else "")
    where, others = facts.place(row.owner), able(facts, row)
    if row.owner in facts.dead:
        worker = facts.workers.get(row.owner or "")
        what = f"worker {where} died with step {label(row)}"
        if worker is not None and worker.draining:
            what = f"worker {where} has ended, and left step {label(row)} unfinished"
        if not others:
            return no_worker(facts, f"{what}, and no other lives")
        return Blocker("running", what, "another one takes it over in a moment")
    if row.owner in facts.silent:
        what = f"step {label(row)} is held by {silence(facts, row.owner)} (it said: {said})"
        cure = "another worker takes it over in a moment"
        return Blocker("silent", what, cure if others else f"{rouse(facts, [row.owner])}")
    what = (
        f"step {label(row)} runs since {clock(since)} ({span(facts.now - since)})"
        f" at worker {where}, {said}"
    )
    return Blocker("running", what, f"let it work, or `{command('cancel', facts.run)}`")


def outside(facts: Facts, row: StepRow) -> Blocker:
    """What an outside agent has reported since it was sent a step."""
    if facts.broker is not None:
        return broker_away(facts, f"step {label(row)} waits for {facts.place(row.owner)}")
    since, agent = row.claimed_at or facts.now, facts.agents.get(row.agent)
    heard = agent.last_heartbeat if agent is not None else None
    ends = f"the step ends at {clock(row.due_at)}"
    sent = f"step {label(row)} was sent to {facts.place(row.owner)}, at {clock(since)}"
    if heard is None or heard < since:
        what = f"{sent} ({span(facts.now - since)} ago), and nothing was heard of it since"
        return Blocker("outside", what, f"start {row.agent}, or {ends}")
    said = f"{row.fraction:.0%}" + (f" {row.message}" if row.message else "")
    what = f"{sent}; {said}, last heard of {span(facts.now - heard)} ago"
    return Blocker("outside", what, f"let it work; if nothing more is heard of it, {ends}")


def unclaimed(facts: Facts, row: StepRow) -> Blocker:
    """Why no worker has claimed a branch that could run."""
    step, agent = f"step {label(row)}", facts.agents.get(row.agent)
    if agent is not None and (held := held_back(agent)):
        return replace(held, what=f"{step} waits, {held.what}")
    if facts.broker is not None:
        return broker_away(facts, f"{step} waits")
    serving = [facts.workers[id_] for id_ in facts.live if facts.workers[id_].serves(row.agent)]
    if not serving:
        return no_worker(facts, f"{step} waits, and no live worker serves {row.agent}", row.agent)
    return unclaimed_by(facts, row, serving)


def unclaimed_by(facts: Facts, row: StepRow, serving: Sequence[WorkerRow]) -> Blocker:
    """Why none of the workers that serve a branch's agent has claimed it."""
    step, agent = f"step {label(row)}", facts.agents.get(row.agent)
    places = ", ".join(sorted(facts.place(worker.id) for worker in serving)[:MOST_NAMED])
    if not able(facts, row):
        what = f"{step} needs {row.offer}, which no live worker offers, not even {places}"
        return Blocker("no_offer", what, "start a worker of the release that has it")
    limit = agent.max_concurrent if agent is not None else None
    if row.status is StepStatus.READY and limit is not None and facts.busy[row.agent] >= limit:
        what = f"{step} waits, {row.agent} is at its limit of {limit} at once"
        return Blocker("agent_busy", what, "it starts when one of those ends")
    if row.status is StepStatus.READY and agent is not None and agent.paced_until is not None:
        what = f"{step} waits, {row.agent} has begun as many attempts as its rate allows"
        return Blocker("agent_paced", what, f"the next one begins at {clock(agent.paced_until)}")
    if row.status is StepStatus.READY:
        return Blocker("ready", f"{step} is ready for {row.agent}", "it is sent when there is room")
    idle = sorted(facts.place(worker.id) for worker in serving if worker.id in facts.idle)
    if row.sends and idle:
        what = (
            f"{step} was sent {row.sends + 1} times, and does not arrive at {idle[0]}, though idle"
        )
        cure = f"see in RabbitMQ who else takes from the queue {row.agent}, or which policy it has"
        return Blocker("not_arriving", what, f"{cure}; it is sent again at {clock(row.due_at)}")
    what = f"{step} is sent to {row.agent}, and not yet claimed by {places}"
    cure = "it starts when a thread is free; add workers for more"
    if idle:
        cure = f"it starts in a moment, or is sent again at {clock(row.due_at)}"
    return Blocker("queued", what, cure)


def able(facts: Facts, row: StepRow) -> list[str]:
    """The live workers that offer what a branch needs."""
    return [id_ for id_ in facts.live if row.offer in facts.workers[id_].offers]
