"""The facts about a run and everything that may hold it up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orchestration.liveness import SILENT_AFTER_S
from orchestration.ports import Locks, Session
from orchestration.state import RunStatus
from orchestration.store import (
    agents,
    attempts,
    audit,
    control,
    queues,
    runs,
    slot_queue,
    steps,
    stops,
    workers,
)
from orchestration.store.agents import AgentRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import OUTSIDE, StepRow
from orchestration.store.workers import WorkerRow
from orchestration.views.workflow import error_messages

SILENT_AFTER = timedelta(seconds=SILENT_AFTER_S)


@dataclass(frozen=True, slots=True)
class Away:
    """A broker that cannot be used."""

    place: str
    problem: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that may hold up a run.

    Attributes:
        rows: The run's branches.
        live: Ids of the workers that beat, and take steps of this run.
        dead: Ids of the known workers that are dead.
        silent: Ids of the workers that are alive, but whose last beat is long ago.
        idle: Ids of the live workers that hold no attempt.
        workers: Every worker that the run or the fleet names, alive or not.
        holders: The runs that hold the slots.
        acting: Step, branch and worker of each attempt that may still act.
        busy: How many branches of each agent are sent or running.
        paused: Who has paused the run, and why; None: it is not paused.
        stopped: Who has stopped everything, and why; None: no emergency stop holds up this run.
        broker: A broker that cannot be used; None: it can, or it was not asked.
        writer: The process that has held the store's lock for seconds; None: none was found.
        app: The module whose workers would run the steps.
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
    silent: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    paused: str | None = None
    stopped: str | None = None
    broker: Away | None = None
    writer: int | None = None
    app: str = "actors"

    def place(self, worker: str | None) -> str:
        """Where a worker is or was, for people."""
        if worker and worker.startswith(OUTSIDE):
            return f"the outside agent {worker.removeprefix(OUTSIDE)}"
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
        if name and name not in known and (left := workers.get(session, name)):
            known[name] = left
    dead = frozenset(name for name in known if locks.is_free(name))
    silent = frozenset(n for n, w in known.items() if n not in dead and is_silent(w, now))
    gone = dead | silent
    live = frozenset(n for n, w in known.items() if n not in gone and works_for(w, run_id))
    return Facts(
        run=run,
        rows=rows,
        now=now,
        slots=slots,
        transport=control.transport(session),
        holders=slot_queue.slot_holders(session),
        live=live,
        dead=dead,
        silent=silent,
        idle=frozenset(name for name in live if not works(session, name)),
        workers=known,
        agents={agent.name: agent for agent in agents.everyone(session)},
        acting=acting,
        busy={row.agent: queues.look(session, row.agent).busy for row in rows},
        errors=error_messages(session, run),
        paused=paused_by(session, run),
        stopped=stopped_by(session, run),
    )


def paused_by(session: Session, run: RunRow) -> str | None:
    """Who has paused a run, and why; None: it is not paused."""
    is_paused = run.status is RunStatus.PAUSED
    return audit.last_actor(session, "pause", run.id) if is_paused else None


def stopped_by(session: Session, run: RunRow) -> str | None:
    """Who has stopped everything, and why; None where that does not hold up this run."""
    found = stops.latest(session)
    if found is None or found.released_at is not None or runs.is_system(session, run.id):
        return None
    return f"{found.actor}: {found.reason}" if found.reason else found.actor


def works(session: Session, worker: str) -> bool:
    """Whether a worker holds any attempt."""
    return bool(steps.held_by(session, worker))


def is_silent(worker: WorkerRow, now: datetime) -> bool:
    """Whether a worker has not beaten for a while.

    This compares the worker's clock with ours: good enough for people to read, never to act on.
    """
    return worker.left_at is None and now - worker.beat_at > SILENT_AFTER


def works_for(worker: WorkerRow, run_id: str) -> bool:
    """Whether a worker takes steps of a run."""
    return worker.scope in (None, run_id) and worker.left_at is None and not worker.draining
