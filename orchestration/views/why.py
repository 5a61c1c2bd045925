"""Why a run is not further than it is: one line that names what it waits for, and the cure.

`why` is a pure function over `Facts`; `load` finds them in the store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from orchestration.circuit import CircuitState
from orchestration.plans import UNDO
from orchestration.ports import Locks, Session
from orchestration.state import OPEN, RunStatus, StepStatus
from orchestration.store import agents, attempts, control, runs, steps, stops, workers
from orchestration.store.agents import AgentRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.store.workers import WorkerRow
from orchestration.views import error
from orchestration.views.workflow import error_messages, label

MOST_NAMED = 3
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Blocker:
    """What a run waits for, and what to do about it.

    Attributes:
        kind: One word for programs.
        what: One line for people.
        cure: The next thing to do, often a command.
    """

    kind: str
    what: str
    cure: str

    @override
    def __str__(self) -> str:
        return f"{self.what}: {self.cure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that may hold up a run.

    Attributes:
        rows: Its branches.
        live: Ids of the workers that are alive, and take steps of this run.
        dead: Ids of those that the run still names, and that are dead.
        workers: Every worker that the run or the fleet names, alive or not.
        holders: The runs that hold the slots.
        acting: Step, branch and worker of each attempt that may still act.
        busy: For each agent how many branches are sent or running.
        stopped: Who has stopped everything, and why; None: no emergency stop holds up this run.
    """

    run: RunRow
    rows: Sequence[StepRow]
    now: datetime
    slots: int
    transport: str | None = None
    holders: Sequence[str] = ()
    live: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    workers: Mapping[str, WorkerRow] = field(default_factory=dict)
    agents: Mapping[str, AgentRow] = field(default_factory=dict)
    acting: Sequence[tuple[str, int, str]] = ()
    busy: Mapping[str, int] = field(default_factory=dict)
    errors: Sequence[str] = ()
    stopped: str | None = None

    def place(self, worker: str | None) -> str:
        """Where a worker is or was, for people."""
        row = self.workers.get(worker or "")
        return f"{row.host}:{row.pid}" if row else "a worker that is forgotten"


def load(session: Session, locks: Locks, run_id: str, slots: int, now: datetime) -> Facts:
    """The facts about one run.

    Raises:
        NotFoundError: There is no such run.
    """
    run, rows = runs.get(session, run_id), steps.of_run(session, run_id)
    acting = attempts.acting(session, run_id)
    known = {worker.id: worker for worker in workers.present(session)}
    for name in {row.owner for row in rows} | {worker for _, _, worker in acting}:
        if name and name not in known and (gone := workers.get(session, name)):
            known[name] = gone
    dead = frozenset(name for name in known if locks.is_free(name))
    live = frozenset(n for n, w in known.items() if n not in dead and works_for(w, run_id))
    return Facts(
        run=run,
        rows=rows,
        now=now,
        slots=slots,
        transport=control.transport(session),
        holders=runs.slot_holders(session),
        live=live,
        dead=dead,
        workers=known,
        agents={agent.name: agent for agent in agents.everyone(session)},
        acting=acting,
        busy={row.agent: sum(steps.in_queue(session, row.agent)) for row in rows},
        errors=error_messages(session, run),
        stopped=stopped_by(session, run),
    )


def stopped_by(session: Session, run: RunRow) -> str | None:
    """Who has stopped everything, and why; None where that does not hold up this run."""
    found = stops.latest(session)
    if found is None or found.released_at is not None or runs.is_system(session, run.id):
        return None
    return f"{found.actor}: {found.reason}" if found.reason else found.actor


def works_for(worker: WorkerRow, run_id: str) -> bool:
    """Whether a worker takes steps of a run."""
    return worker.scope in (None, run_id) and worker.left_at is None and not worker.draining


def why(facts: Facts) -> Blocker:
    """What a run waits for."""
    run = facts.run
    if facts.stopped is not None and not run.status.ended:
        what = f"{run.id} is held by the emergency stop of {facts.stopped}"
        return Blocker("emergency_stop", what, "`orchestrate emergency release`")
    match run.status:
        case RunStatus.PAUSED:
            return Blocker("paused", f"{run.id} is paused", f"`{command('resume', run)}`")
        case RunStatus.PENDING:
            return pending(facts)
        case RunStatus.RUNNING | RunStatus.WAITING:
            return open_branches(facts, facts.rows)
        case RunStatus.UNDOING:
            return undoing(facts)
        case _:
            return ended(facts)


def pending(facts: Facts) -> Blocker:
    """Why a run has no slot."""
    if not facts.live:
        return no_worker(facts, f"{facts.run.id} is pending, and no worker is alive")
    if len(facts.holders) >= facts.slots:
        names = ", ".join(facts.holders[:MOST_NAMED])
        more = len(facts.holders) - MOST_NAMED
        others = f" and {more} more" if more > 0 else ""
        what = f"all {facts.slots} slots are taken, by {names}{others}"
        cure = "it starts when one of them ends; raise MAX_CONCURRENT_WORKFLOWS for more at once"
        return Blocker("behind_the_limit", what, cure)
    return Blocker("starting", "a slot is free", "it starts in a moment")


def open_branches(facts: Facts, rows: Sequence[StepRow]) -> Blocker:
    """What holds up the branches that are open: of several the one that needs a person most."""
    found = [branch(facts, row) for row in rows if row.status in OPEN]
    going = Blocker("going_on", f"{facts.run.id} is between two steps", "it goes on in a moment")
    return min(found, key=lambda blocker: URGENCY.index(blocker.kind), default=going)


URGENCY = (
    "no_worker",
    "no_offer",
    "agent_paused",
    "circuit_open",
    "circuit_half_open",
    "running",
    "backing_off",
    "agent_busy",
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
    """Who works on a branch, since when, and what was heard of it."""
    since = row.claimed_at or facts.now
    said = f", {row.fraction:.0%}" + (f" {row.message}" if row.message else "")
    where = facts.place(row.owner)
    if row.owner not in facts.dead:
        what = (
            f"step {label(row)} runs since {clock(since)} ({span(facts.now - since)})"
            f" at worker {where}{said}"
        )
        return Blocker("running", what, f"let it work, or `{command('cancel', facts.run)}`")
    if not able(facts, row):
        return no_worker(facts, f"worker {where} died with step {label(row)}, and no other lives")
    what = f"worker {where} died with step {label(row)}"
    return Blocker("running", what, "another one takes it over in a moment")


def unclaimed(facts: Facts, row: StepRow) -> Blocker:
    """Why nobody works on a branch that could go."""
    step, agent = f"step {label(row)}", facts.agents.get(row.agent)
    if agent is not None and (held := held_back(step, agent)):
        return held
    serving = [facts.workers[id_] for id_ in facts.live if facts.workers[id_].serves(row.agent)]
    if not serving:
        return no_worker(facts, f"{step} waits, and no live worker serves {row.agent}", row.agent)
    if not able(facts, row):
        what = f"{step} needs {row.offer}, which no live worker offers"
        return Blocker("no_offer", what, "start a worker of the release that has it")
    limit = agent.max_concurrent if agent is not None else None
    if row.status is StepStatus.READY and limit is not None and facts.busy[row.agent] >= limit:
        what = f"{step} waits, {row.agent} is at its limit of {limit} at once"
        return Blocker("agent_busy", what, "it starts when one of those ends")
    if row.status is StepStatus.QUEUED:
        places = ", ".join(sorted(facts.place(worker.id) for worker in serving)[:MOST_NAMED])
        what = f"{step} is sent to {row.agent}, and not yet claimed by {places}"
        return Blocker("queued", what, "it starts when a thread is free; add workers for more")
    return Blocker("ready", f"{step} is ready for {row.agent}", "it is sent when there is room")


def held_back(step: str, agent: AgentRow) -> Blocker | None:
    """Why nothing, or only one step, is sent to an agent: it is paused, or failed too often."""
    if agent.paused:
        cure = f"`orchestrate agents resume {agent.name}`"
        return Blocker("agent_paused", f"{step} waits, its agent {agent.name} is paused", cure)
    if agent.circuit == CircuitState.CLOSED:
        return None
    last = error.one_line(agent.last_error) or "no message"
    what = f"{step} waits, {agent.name} failed {agent.failures} times in a row ({last})"
    cure = f"`orchestrate agents resume {agent.name}` sends to it now"
    if agent.probe_at is not None:
        return Blocker(
            "circuit_open", what, f"it is tried again at {clock(agent.probe_at)}; {cure}"
        )
    return Blocker("circuit_half_open", what, f"another step is on its way as a probe; {cure}")


def able(facts: Facts, row: StepRow) -> list[str]:
    """The live workers that offer what a branch needs."""
    return [id_ for id_ in facts.live if row.offer in facts.workers[id_].offers]


def undoing(facts: Facts) -> Blocker:
    """What an undo waits for."""
    if facts.acting:
        step, number, worker = facts.acting[0]
        where, name = facts.place(worker), f"{step}[{number}]" if number else step
        if not facts.live:
            return no_worker(facts, f"undo waits for step {name} at {where}, and no worker lives")
        what = f"undo waits for step {name}, which may still act at worker {where}"
        return Blocker("undo_waits", what, "it begins when that attempt stops, or its process ends")
    return open_branches(facts, [row for row in facts.rows if row.step.startswith(UNDO)])


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


def no_worker(facts: Facts, what: str, agent: str | None = None) -> Blocker:
    """Nobody is there to do it."""
    start = "start one with `orchestrate serve`"
    if facts.transport not in (None, EMBEDDED):
        only = f" -Q {agent}" if agent else ""
        start = f"start one with `dramatiq actors{only}` (or your app's module)"
    return Blocker("no_worker", what, start)


def command(verb: str, run: RunRow) -> str:
    """What to type to do something to a run."""
    return f"orchestrate workflows {verb} {run.id}"


def clock(at: datetime | None) -> str:
    """A moment for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"


def span(length: timedelta) -> str:
    """A duration for people."""
    seconds = max(round(length.total_seconds()), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds % 60:02d} s" if minutes else f"{seconds} s"
