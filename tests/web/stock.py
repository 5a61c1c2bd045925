"""A store with something of everything, hostile words of messages and agents included."""

from typing import Any

from orchestration import Agent, App, Context, Plot, Step, Workflow
from orchestration.clock import SystemClock
from orchestration.engine import Report
from orchestration.engine.by import By
from orchestration.ports import Session, Store
from orchestration.store import agents, alerts, configuration, dead_letters, schedules
from orchestration.store.alerts import AlertKind, NewAlert
from orchestration.store.configuration import Author
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.schedules import ScheduleRow
from tests.engine.fleet import HOUR, Anything, Fleet

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
SLEEPY, GATED = "sleepy", "gated"


def act(_context: Context) -> None: ...


app = App(
    agents=[
        Agent("worker", actions={"first": act, "second": act, "back": act}, capabilities=["work"]),
        Agent("sleeper", actions={"sleep": act}),
    ],
    workflows=[
        Workflow(
            "job",
            parameters=Anything,
            plots=[Plot("Curve", step="first", points="curve", name="who", drawdown=True)],
            steps=[
                Step("first", "worker", "first", for_each="parameters.items", undo="back"),
                Step("second", "worker", "second", needs=["first"]),
            ],
        ),
        Workflow(
            GATED,
            parameters=Anything,
            steps=[
                Step("first", "worker", "first"),
                Step(
                    "second",
                    "worker",
                    "second",
                    needs=["first"],
                    approval=HOUR,
                    configures=["mode"],
                ),
            ],
        ),
        Workflow(SLEEPY, parameters=Anything, steps=[Step("sleeping", "sleeper", "sleep")]),
    ],
)


class Stock:
    """Runs of every kind in a store, with hostile words wherever a person or agent may put words.

    Attributes:
        done: A completed run, with curves.
        failed: A failed run.
        waiting: A run that waits for approval.
        running: A running run.
        letter: A dead letter that could be replayed.
    """

    def __init__(self, store: Store) -> None:
        self.fleet = Fleet(store, SystemClock(), app)  # type: ignore[arg-type]
        worker = self.worker = self.fleet.worker("w1")
        curve = [{"date": f"2025-01-{n:02}", "value": 100 + n % 5} for n in range(1, 20)]
        result = {"who": EVIL, "curve": curve, EVIL: EVIL, "rows": [{"a": EVIL, "b": 1}]}
        self.done = self.fleet.start("job", {"items": [EVIL, "b"], "note": EVIL})
        self.fleet.work_off(worker, lambda _: result)
        self.failed = self.fleet.start("job", {"items": [EVIL]}, sender=EVIL)
        claim = worker.take()
        error = {"type": EVIL, "message": EVIL, "traceback": EVIL}
        worker.held.clear()
        worker.engine.fail(claim.key, claim.attempt, error, retryable=False)
        self.fleet.start(GATED)
        self.waiting = self.fleet.start(GATED)
        self.fleet.work_off(worker, lambda _: {"found": EVIL})
        self.running = self.fleet.start("job", {"items": [EVIL, EVIL]}, correlation_id=EVIL)
        self.claim = worker.take()
        self.tell(0.25, EVIL)
        self.fleet.start(SLEEPY)
        self.fleet.client.pause_agents(["sleeper"], By("somebody", EVIL))
        store.write(self._write)
        self.letter = store.read(dead_letters.last_id)

    def tell(self, fraction: float, message: str) -> None:
        """Let the running run report progress."""
        key, attempt = self.claim.key, self.claim.attempt
        self.worker.engine.report([Report(key, attempt, fraction, message, None)])

    def _write(self, session: Session) -> None:
        now = self.fleet.clock.now()
        agents.beat(session, "worker", EVIL, {EVIL: EVIL, "load": 0.5}, now)
        agents.count_error(session, "worker", EVIL)
        body = b'{"payload": {"x": "' + EVIL.replace('"', "'").encode() + b'"}}'
        for each in (body, EVIL.encode() + b"\xff"):
            letter = DeadLetter(
                reason=EVIL, detail=EVIL, routing_key=EVIL, body=each, sender=EVIL, message_id=EVIL
            )
            dead_letters.add(session, letter, now)
        configuration.add(session, "mode", {EVIL: EVIL}, Author(EVIL), now)
        new = NewAlert(AlertKind.AGENT_SILENT, EVIL, EVIL)
        alerts.add(session, new, now, HOUR)
        row = ScheduleRow(
            name=EVIL, command="job", parameters="{}", cron=EVIL, timezone=EVIL, overlap="skip",
            paused=False, next_at=now, last_run=None, created_at=now,
        )  # fmt: skip
        schedules.insert(session, row)


def known(stock: "Stock") -> dict[str, Any]:
    """The addresses of every view, by name."""
    return {
        "overview": "/",
        "commands": "/start",
        "start": "/start/job",
        "workflows": "/workflows",
        "search": f"/workflows?q={EVIL}&status=failed&command=job",
        "done": f"/workflows/{stock.done}",
        "failed": f"/workflows/{stock.failed}",
        "waiting": f"/workflows/{stock.waiting}",
        "running": f"/workflows/{stock.running}",
        "events": f"/workflows/{stock.done}/events?before=1000000",
        "fork": f"/workflows/{stock.failed}/fork",
        "failures": "/failures",
        "approvals": "/approvals",
        "agents": "/agents",
        "queues": "/queues",
        "dead_letters": "/dead-letters",
        "dead_letter": f"/dead-letters/{stock.letter}",
        "schedules": "/schedules",
        "schedule": "/schedules/new/job",
        "configuration": "/configuration",
        "audit": "/audit",
        "emergency": "/emergency",
        "tokens": "/tokens",
        "login": f"/login?next={EVIL}",
    }
