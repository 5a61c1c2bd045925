"""The real engine over any store, with messages in a list and workers that do as they are told."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool

from orchestration.context import Context
from orchestration.definitions import Agent, App, Workflow
from orchestration.engine import (
    Claim,
    Command,
    Engine,
    Held,
    Rules,
    Transaction,
    Value,
    Yield,
    outside,
)
from orchestration.errors import NotFoundError
from orchestration.plans import Step
from orchestration.ports import Dispatch, Session, Store
from orchestration.state import RunStatus, StepStatus
from orchestration.store import (
    artifacts,
    attempts,
    control,
    events,
    outbox,
    runs,
    steps,
    workers,
)
from orchestration.store.attempts import AttemptRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.store.workers import NewWorker, WorkerRow
from tests.clock import FakeClock, go_by

LISTENING = timedelta(seconds=5)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Anything(BaseModel):
    """Parameters of every test workflow."""

    model_config = ConfigDict(extra="allow")
    items: list[Any] = []
    wanted: StrictBool = True


def act(_context: Context) -> None: ...


def workflow(name: str, *steps_: Step, **more: Any) -> Workflow:
    return Workflow(name, parameters=Anything, steps=steps_, **more)


def step(name: str, *needs: str, agent: str | Sequence[str] = "warehouse", **more: Any) -> Step:
    """A step of the warehouse, unless another agent is named; its action has the step's name."""
    return Step(name, agent, name, needs=needs, **more)


def app_of(
    *workflows: Workflow,
    versions: Mapping[str, int] | None = None,
    limits: Mapping[str, int] | None = None,
    rates: Mapping[str, str] | None = None,
) -> App:
    """A fleet whose agents have every action that these workflows need."""
    actions: dict[str, dict[str, Callable[[Context], None]]] = {}
    for each in (one for flow in workflows for one in flow.steps):
        for agent in each.agents:
            actions.setdefault(agent, {})[each.action] = act
            if each.undo:
                actions[agent][each.undo] = act
    agents = [
        Agent(
            name,
            actions=known,
            max_concurrent=(limits or {}).get(name),
            rate=(rates or {}).get(name),
            version=(versions or {}).get(name, 1),
        )
        for name, known in actions.items()
    ]
    return App(agents=agents, workflows=workflows)


class ListTransport:
    """A transport that lists its messages until a test takes them."""

    def __init__(self) -> None:
        self.flows = True
        self.messages: list[Dispatch] = []

    def send(self, messages: Sequence[Dispatch]) -> None:
        self.messages.extend(messages)

    def take(self) -> list[Dispatch]:
        """The messages since the last call."""
        taken, self.messages = self.messages, []
        return taken


class Worker:
    """A worker process: its engine, and the claims that it holds in memory."""

    def __init__(self, fleet: "Fleet", name: str, slots: Mapping[str, int], **more: Any) -> None:
        self.fleet = fleet
        self.engine = fleet.engine(name, **more.pop("rules", {}))
        self.row = NewWorker(
            **{
                "id": name,
                "host": "here",
                "pid": 7,
                "release": "1",
                "offers": sorted(self.engine.rules.offers),
                "transport": "list",
                "slots": slots,
                **more,
            }
        )
        self.held: dict[Held, Claim] = {}
        self.next: Claim | None = None

    def join(self) -> "Worker":
        self.engine.join(self.row, self.fleet.app)
        return self

    def claim(self, message: Dispatch) -> Claim | None:
        claim = self.engine.claim(message)
        if claim is not None:
            self.held[claim.key, claim.attempt] = claim
        return claim

    def take(self) -> Claim:
        """Claim the first sent attempt that is still queued."""
        while True:
            if claim := self.claim(self.fleet.transport.messages.pop(0)):
                return claim

    def complete(
        self, claim: Claim, value: Any = None, *, goes_on: bool = False, **configures: Any
    ) -> bool:
        self.held.pop((claim.key, claim.attempt), None)
        also = Yield({name: Value(each) for name, each in configures.items() if each is not None})
        take_on = self.take_on if goes_on else None
        return self.engine.complete(claim.key, claim.attempt, value, also, take_on)

    def take_on(self, claim: Claim | None) -> None:
        """Hold in memory the claim that a completion makes, before that is committed."""
        self.follow(done=False)
        self.next = claim
        if claim is not None:
            self.held[claim.key, claim.attempt] = claim

    def follow(self, *, done: bool) -> Claim | None:
        """Begin the attempt claimed with a completion, if that was committed; else forget it."""
        follower, self.next = self.next, None
        if follower is not None and not done:
            del self.held[follower.key, follower.attempt]
            return None
        return follower

    def fail(self, claim: Claim, *, retryable: bool = True) -> bool:
        self.held.pop((claim.key, claim.attempt), None)
        error = {"type": "Oops", "message": "it broke", "traceback": None}
        return self.engine.fail(claim.key, claim.attempt, error, retryable=retryable)

    def beat(self, **metrics: float) -> bool:
        return self.engine.beat(self.row, lambda: frozenset(self.held), metrics)

    @property
    def seen(self) -> WorkerRow:
        """The worker's row, as other processes see it."""
        found = self.fleet.store.read(lambda s: workers.get(s, self.row.id))
        assert found is not None
        return found

    def die(self) -> int:
        """Be found dead by another process."""
        return self.fleet.client.take_over_dead(self.seen)

    def fall_silent(self) -> int:
        """Be found silent by another process."""
        return self.fleet.client.take_over_silent(self.seen)


class Fleet:
    """An app, its store, a clock, and all messages under way."""

    def __init__(self, store: Store, clock: FakeClock, app: App) -> None:
        self.store = store
        self.clock = clock
        go_by(store, clock)
        self.app = app
        self.transport = ListTransport()
        self.count = 0
        store.write(lambda s: control.ensure(s, "tests"))
        self.client = self.engine("client", offers=frozenset())

    def engine(self, me: str, **rules: Any) -> Engine:
        offers = frozenset(agent.offer(a) for agent in self.app.agents for a in agent.actions)
        known: dict[str, Any] = {"offers": offers, "jitter": lambda: 0.5, "rates": self.app.rates}
        known |= rules
        return Engine(self.store, self.transport, Rules(me=me, **known))

    def worker(self, name: str = "w1", slots: int = 4, **more: Any) -> Worker:
        """A worker that has joined and serves every agent of the app."""
        queues = more.pop("queues", None) or {agent.name: slots for agent in self.app.agents}
        return Worker(self, name, queues, **more).join()

    def command(
        self, name: str, parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> Command:
        self.count += 1
        flow = self.app.workflow[name]
        known = {
            "run_id": f"{name}_{self.count}",
            "plan": self.app.plan(flow),
            "parameters": json.dumps(dict(Anything(), **parameters or {})),
            "sender": "tests",
            "priority": flow.priority,
            "needs_slot": not flow.system,
            "system": flow.system,
        }
        return Command(**{**known, **more})

    def start(self, name: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> str:
        return self.client.submit(self.command(name, parameters, **more))

    def work_off(self, worker: Worker, value: Callable[[Claim], Any] = lambda _: None) -> list[str]:
        """Complete every sent step until none is left; return the steps, in order."""
        done = []
        while self.transport.messages:
            if claim := worker.claim(self.transport.messages.pop(0)):
                worker.complete(claim, value(claim))
                done.append(f"{claim.key[1]}[{claim.key[2]}]")
        return done

    def advance(self, span: timedelta) -> int:
        """Let time go by, and act on the timers that are due."""
        self.clock.advance(span)
        return self.client.fire_timers()

    def publish(self) -> list[str]:
        """Let RabbitMQ take every message; return what they are about."""
        topics = [row[0] for row in self.read(lambda s: s.all("SELECT topic FROM outbox"))]

        def confirm(tx: Transaction) -> None:
            for topic in topics:
                outbox.withdraw(tx.session, topic)
                outside.sent(tx, topic)

        self.client.commit(confirm)
        return topics

    def listen(self, span: timedelta) -> None:
        """Let time go by in which outside agents are heard, and act on the timers that are due."""
        for _ in range(int(span / LISTENING)):
            self.publish()
            self.advance(LISTENING)
            self.hear()

    def hear(self, span: timedelta = timedelta(0)) -> None:
        """Write that somebody hears outside agents, and has for some time."""
        self.client.commit(lambda tx: outside.listen(tx, span))

    def read(self, look: Callable[[Session], Any]) -> Any:
        return self.store.read(look)

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        (found,) = self.read(lambda s: s.one(f"SELECT COUNT(*) FROM {table}"))
        return int(found)

    def run(self, run_id: str) -> RunRow:
        row: RunRow = self.read(lambda s: runs.get(s, run_id))
        return row

    def status(self, run_id: str) -> RunStatus:
        return self.run(run_id).status

    def exists(self, run_id: str) -> bool:
        try:
            return bool(self.run(run_id))
        except NotFoundError:
            return False

    def row(self, run_id: str, name: str, branch: int = 0) -> StepRow:
        found: StepRow | None = self.read(lambda s: steps.get(s, run_id, name, branch))
        assert found is not None, f"{name} has not begun"
        return found

    def steps(self, run_id: str) -> dict[str, StepStatus]:
        """The status of every branch by name; the first branch of a step has no number."""
        rows: list[StepRow] = self.read(lambda s: steps.of_run(s, run_id))
        return {f"{row.step}[{row.branch}]" if row.branch else row.step: row.status for row in rows}

    def attempts(self, run_id: str) -> list[AttemptRow]:
        rows: list[AttemptRow] = self.read(lambda s: attempts.of_run(s, run_id))
        return rows

    def outcomes(self, run_id: str) -> list[str]:
        return [row.outcome for row in self.attempts(run_id)]

    def result(self, run_id: str, name: str) -> list[Any]:
        values: list[Any] = self.read(lambda s: artifacts.result(s, run_id, name))
        return values

    def events(self, run_id: str) -> list[str]:
        found = self.read(lambda s: events.after(s, 0, 10_000, run_id))
        return [event.kind for event in found]
