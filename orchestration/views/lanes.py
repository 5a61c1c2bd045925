"""A lane for each agent: its slots, what runs there, how long ago it beat, what waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.store import agents, outcomes, queues, workers
from orchestration.store.agents import AgentRow
from orchestration.store.outcomes import Running
from orchestration.store.workers import WorkerRow
from orchestration.views import depths
from orchestration.views.blocker import Blocker, held_back
from orchestration.views.depths import Depth
from orchestration.views.workflow import named

MOST_RUNNING = 1_000
MOST_LANES = 200
IDLE = {"ready": 0, "queued": 0, "running": 0}


@dataclass(frozen=True, slots=True)
class Work:
    """A running branch."""

    run_id: str
    name: str
    fraction: float
    message: str


@dataclass(frozen=True, slots=True)
class AgentLane:
    """An agent and all that concerns it now.

    Attributes:
        slots: How many steps the present workers can run at once; 0: no worker serves it.
        waiting: How many branches are ready or sent.
        running: How many branches run; the first of them are in `work`.
    """

    agent: AgentRow
    slots: int
    waiting: int
    running: int
    work: tuple[Work, ...]
    depth: Depth

    @property
    def held_back(self) -> Blocker | None:
        """Why nothing, or only one step, is sent to it."""
        return held_back(self.agent)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of agents, and the workers behind them."""

    lanes: tuple[AgentLane, ...]
    left_out: int
    workers: tuple[WorkerRow, ...]


def lanes(session: Session, now: datetime, history: Mapping[str, Depth] | None = None) -> Lanes:
    """The lanes of all known agents, those that are served or at work first.

    Args:
        session: Any session.
        now: The present moment.
        history: What waited for each agent over the last day, if it is read already.
    """
    served, waiting = workers.served(session), queues.counts(session)
    work = outcomes.running(session, MOST_RUNNING)
    present = sorted(workers.present(session), key=lambda row: (row.host, row.pid))
    history = depths.depths(session, now) if history is None else history
    everyone = agents.everyone(session)
    everyone.sort(key=lambda row: (row.name not in served, row.name not in waiting, row.name))
    found = []
    for row in everyone[:MOST_LANES]:
        counts = waiting.get(row.name, IDLE)
        found.append(
            AgentLane(
                agent=row,
                slots=served.get(row.name, 0),
                waiting=counts["ready"] + counts["queued"],
                running=counts["running"],
                work=tuple(map(as_work, work.get(row.name, ()))),
                depth=history.get(row.name, depths.NOTHING),
            )
        )
    return Lanes(tuple(found), len(everyone) - len(found), tuple(present))


def as_work(row: Running) -> Work:
    """A running branch as it is shown."""
    name = named(row.step, row.branch, fans_out=row.fans_out)
    return Work(row.run_id, name, row.fraction, row.message)
