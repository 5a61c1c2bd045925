"""The metrics of the whole fleet, read from the store: every process exposes the same.

Counters are in the store, written soon after each event; gauges are read as they are now, from open
rows alone, so that a scrape costs the same beside a million ended runs.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

from orchestration import metrics
from orchestration.circuit import CircuitState
from orchestration.definitions import App, Workflow
from orchestration.metrics import Cell, Sample, Tally
from orchestration.plans import UNDO
from orchestration.ports import Session, Store
from orchestration.state import ENDED, RunStatus
from orchestration.store import (
    agents,
    alerts,
    control,
    counters,
    dead_letters,
    outbox,
    queues,
    runs,
    schedules,
    slot_queue,
    stops,
    workers,
)
from orchestration.store.alerts import AlertKind
from orchestration.views.facts import is_silent

LATE = timedelta(minutes=1)
OPEN = tuple(status for status in RunStatus if status not in ENDED)


@dataclass(frozen=True, slots=True)
class Figures:
    """All metrics at one moment.

    Attributes:
        counted: Counters and the parts of histograms.
        samples: Everything else.
    """

    counted: Mapping[Cell, float]
    samples: tuple[Sample, ...]


def read(
    store: Store,
    app: App,
    now: datetime,
    slots: int,
    version: str,
    outside: Collection[str] = (),
) -> Figures:
    """The metrics of a store.

    Args:
        store: The store.
        app: The fleet; all its counters begin at zero.
        now: The moment.
        slots: MAX_CONCURRENT_WORKFLOWS.
        version: The release that tells them.
        outside: Agents that no worker serves: OUTSIDE_AGENTS.
    """
    size = store.disk_use()

    def look(session: Session) -> Figures:
        found = [sample for part in PARTS for sample in part(session, now)]
        found += of_queues(session, app, outside)
        return Figures(zeros(app) | dict(counters.everything(session)), tuple(found))

    figures = store.read(look)
    here = [
        Sample(metrics.SLOTS, slots),
        Sample(metrics.STORE_SIZE, size.data),
        Sample(metrics.BUILD_INFO, 1, (version,)),
    ]
    if size.log is not None:
        here.append(Sample(metrics.STORE_LOG, size.log))
    return Figures(figures.counted, (*figures.samples, *here))


def zeros(app: App) -> dict[Cell, float]:
    """Every counter of the fleet at zero: Prometheus misses a rise with which a series appears."""
    tally = Tally()
    for reason in (*sorted(metrics.REASONS), metrics.OTHER):
        tally.count(metrics.DEAD_LETTERS, reason, by=0)
    for kind in AlertKind:
        tally.count(metrics.ALERTS, kind, by=0)
    for agent in app.agents:
        tally.count(metrics.STEP_WAIT, agent.name, by=0, part=metrics.INFINITE)
    for workflow in app.workflows:
        of_workflow(tally, workflow)
    return tally.cells


def of_workflow(tally: Tally, workflow: Workflow) -> None:
    """Every counter of one workflow, at zero."""
    command = workflow.name
    for metric in (metrics.RUNS_ACCEPTED, metrics.RUNS_RETRIED):
        tally.count(metric, command, by=0)
    for status in sorted(ENDED):
        tally.count(metrics.RUNS_ENDED, command, status, by=0)
    for metric in (metrics.RUN_DURATION, metrics.SLOT_WAIT):
        tally.count(metric, command, by=0, part=metrics.INFINITE)
    for step in workflow.steps:
        names = (step.name, UNDO + step.name) if step.undo else (step.name,)
        for name, agent, outcome in product(names, step.agents, metrics.OUTCOMES):
            tally.count(metrics.ATTEMPTS, command, name, agent, outcome, by=0)
        for name in names:
            tally.count(metrics.STEP_DURATION, command, name, by=0, part=metrics.INFINITE)


def of_runs(session: Session, _now: datetime) -> Iterator[Sample]:
    """Open runs, and the slots that they take."""
    counts = runs.live_counts(session)
    for each in OPEN:
        yield Sample(metrics.RUNS, counts.get(each, 0), (each,))
    yield Sample(metrics.SLOTS_USED, slot_queue.slots_taken(session))
    if oldest := slot_queue.oldest_pending(session):
        yield Sample(metrics.OLDEST_PENDING, oldest.timestamp())


def of_queues(session: Session, app: App, outside: Collection[str]) -> Iterator[Sample]:
    """What waits for each agent, and how much of it can run at once."""
    waiting, served = queues.counts(session), workers.served(session)
    for agent in sorted({each.name for each in app.agents} | set(waiting)):
        for status in ("ready", "queued", "running"):
            yield Sample(metrics.STEPS, waiting.get(agent, {}).get(status, 0), (agent, status))
        if agent not in outside:
            yield Sample(metrics.WORKER_SLOTS, served.get(agent, 0), (agent,))


def of_workers(session: Session, now: datetime) -> Iterator[Sample]:
    """Who works, and how much of it at once."""
    states = dict.fromkeys(("live", "draining", "silent"), 0)
    for worker in workers.present(session):
        ending = "draining" if worker.draining else "live"
        states["silent" if is_silent(worker, now) else ending] += 1
    for state, count in states.items():
        yield Sample(metrics.WORKERS, count, (state,))
    yield Sample(metrics.LAST_SWEEP, control.swept_at(session))


def of_agents(session: Session, _now: datetime) -> Iterator[Sample]:
    """How each agent is."""
    for agent in agents.everyone(session):
        name = (agent.name,)
        if agent.last_heartbeat is not None:
            yield Sample(metrics.AGENT_HEARTBEAT, agent.last_heartbeat.timestamp(), name)
        yield Sample(metrics.AGENT_SILENT, agent.silent_since is not None, name)
        yield Sample(metrics.AGENT_CIRCUIT, agent.circuit != CircuitState.CLOSED, name)
        yield Sample(metrics.AGENT_PAUSED, agent.paused, name)
        yield Sample(metrics.AGENT_FAILURES, agent.failures, name)


def of_messages(session: Session, now: datetime) -> Iterator[Sample]:
    """What waits to be told, or for a person."""
    to_say, oldest = outbox.backlog(session)
    yield Sample(metrics.OUTBOX, to_say)
    if oldest is not None:
        yield Sample(metrics.OLDEST_MESSAGE, oldest.timestamp())
    yield Sample(metrics.DEAD_LETTERS_KEPT, dead_letters.count(session))
    yield Sample(metrics.ALERTS_WAITING, alerts.waiting(session))
    yield Sample(metrics.SCHEDULES_LATE, len(schedules.due(session, now - LATE)))
    yield Sample(metrics.EMERGENCY_STOP, stops.is_stopped(session))


PARTS: tuple[Callable[[Session, datetime], Iterator[Sample]], ...] = (
    of_runs,
    of_workers,
    of_agents,
    of_messages,
)
