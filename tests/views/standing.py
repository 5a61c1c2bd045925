"""The facts of a run at a standstill, made in memory; tests replace single ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.plans import Plan, Step
from orchestration.state import RunStatus, StepStatus
from orchestration.store.agents import AgentRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.store.workers import WorkerRow
from orchestration.views.facts import Away, Facts

R, S = RunStatus, StepStatus
NOW = datetime(2025, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)
OFFER = "worker.work@1"


def run(status: RunStatus, **more: Any) -> RunRow:
    row = RunRow(
        id="job_1",
        command="job",
        parameters="{}",
        sender="test",
        correlation_id=None,
        priority=2,
        status=status,
        ending=None,
        generation=1,
        progress=0.0,
        created_at=NOW,
        started_at=NOW,
        ended_at=NOW if status.ended else None,
        due_at=None,
        reason=None,
        plan=Plan("job", (Step("working", "worker", "work"),), "working"),
    )
    return replace(row, **more)


def step(status: StepStatus, **more: Any) -> StepRow:
    row = StepRow(
        run_id="job_1",
        step="working",
        branch=0,
        agent="worker",
        offer=OFFER,
        status=status,
        rank=0.0,
        item=None,
        attempt=0,
        failures=0,
        losses=0,
        sends=0,
        owner=None,
        fraction=0.0,
        message="",
        unknown=False,
        error=None,
        opened_at=NOW,
        claimed_at=None,
        ended_at=None,
        due_at=None,
    )
    return row._replace(**more)


def worker(name: str = "w", **more: Any) -> WorkerRow:
    row = WorkerRow(
        id=name,
        host=f"host-{name}",
        pid=7,
        release="1",
        offers=frozenset({OFFER}),
        transport="embedded",
        beat=1,
        beat_at=NOW,
        started_at=NOW,
        draining=False,
        left_at=None,
    )
    return replace(row, **more)


def agent(**more: Any) -> AgentRow:
    row = AgentRow("worker", "running", NOW, None, [], {}, 0, None, "closed", paused=False)
    return replace(row, **more)


def facts(status: RunStatus, *rows: StepRow, **more: Any) -> Facts:
    found: dict[str, Any] = {
        "run": run(status),
        "rows": rows,
        "now": NOW + timedelta(minutes=2),
        "slots": 2,
        "live": frozenset({"w"}),
        "workers": {"w": worker()},
        "agents": {"worker": agent()},
        "busy": {"worker": 0},
        "transport": "embedded",
    }
    return Facts(**{**found, **more})


NOBODY = {"live": frozenset[str](), "dead": frozenset({"w"})}
SPARED = {
    "failures": 10,
    "probe_at": SOON,
    "last_error": '{"type": "Oops", "message": "it broke", "traceback": null}',
}
DEAD = step(S.RUNNING, owner="w", claimed_at=NOW)
OUT = step(S.RUNNING, owner="outside:worker", claimed_at=NOW, due_at=SOON)
SILENT = {"live": frozenset[str](), "silent": frozenset({"w"})}
AWAY = Away("h:5672", "refused", "start it")
