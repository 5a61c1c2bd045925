"""The state of the fleet, read from the store: agents, workflows, queues."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from orchestration.ports import Clock, Session, Store
from orchestration.state import RunStatus
from orchestration.store import agents, alerts, control, outcomes, queues, runs, stops, workers
from orchestration.store.agents import AgentRow
from orchestration.store.alerts import AlertRow
from orchestration.views import emergency, error
from orchestration.views.blocker import held_back
from orchestration.views.times import iso

MOST_ALERTS = 10
MOST_COUNTED = 10_000


class FleetView:
    """Read-only facts about the whole fleet.

    Args:
        store: The store of the fleet.
        clock: The time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def status(self) -> dict[str, Any]:
        """Agents, queues, workflows, success rate, uptime and the last alerts, as JSON values."""
        now = self._clock.now()
        return self._store.read(lambda s: status(s, now))

    def emergency(self) -> dict[str, Any]:
        """Whether an emergency stop holds, and which workers have acknowledged it."""
        return self._store.read(emergency.status)


def status(session: Session, now: datetime) -> dict[str, Any]:
    """The fleet as JSON values.

    All open runs are counted. Ended runs are counted up to `counted_to` in each status, and the
    success rate is that of the `counted_to` runs that ended last.
    """
    counts = runs.counts(session, MOST_COUNTED)
    ends = outcomes.newest(session, MOST_COUNTED)
    completed, failed = ends.get(RunStatus.COMPLETED, 0), ends.get(RunStatus.FAILED, 0)
    present = workers.present(session)
    started = min((worker.started_at for worker in present), default=now)
    return {
        "transport": control.transport(session),
        "emergency_stop": stops.is_stopped(session),
        "uptime_seconds": round((now - started).total_seconds(), 3),
        "workflows": {each.value: counts.get(each, 0) for each in RunStatus},
        "counted_to": MOST_COUNTED,
        "success_rate": completed / (completed + failed) if completed + failed else None,
        "agents": [as_json(agent) for agent in agents.everyone(session)],
        "workers": len(present),
        "queues": queues.counts(session),
        "alerts": [alert_as_json(alert) for alert in alerts.newest(session, MOST_ALERTS)],
    }


def as_json(agent: AgentRow) -> dict[str, Any]:
    """An agent as people and programs see it."""
    found = asdict(agent)
    found["last_heartbeat"] = iso(agent.last_heartbeat)
    found["silent_since"] = iso(agent.silent_since)
    found["probe_at"] = iso(agent.probe_at)
    found["last_error"] = error.one_line(agent.last_error)
    held = held_back(agent)
    found["held_back"] = None if held is None else str(held)
    return found


def alert_as_json(alert: AlertRow) -> dict[str, Any]:
    """An alert as people and programs see it."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "subject": alert.subject,
        "message": alert.message,
        "workflow_id": alert.run_id,
        "raised_at": iso(alert.raised_at),
        "times": alert.times,
        "status": alert_status(alert),
        "tries": alert.tries,
        "problem": alert.problem,
    }


def alert_status(alert: AlertRow) -> str:
    """Whether an alert is still to be told, was told or given up, or is over, told or not."""
    if alert.over_at is not None:
        return "over"
    if alert.due_at is not None:
        return "waiting"
    return "told" if alert.problem is None else "given_up"
