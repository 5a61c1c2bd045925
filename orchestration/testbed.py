"""A fleet in memory for tests: the real engine, store and frame under a virtual clock."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from orchestration.clock import new_id
from orchestration.context import Context
from orchestration.definitions import Action, Agent, App
from orchestration.desk.starting import command_of
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.transaction import Rules
from orchestration.handles import StoreHandle
from orchestration.ports import Dispatch
from orchestration.runtime.access import FleetAccess
from orchestration.runtime.frame import Frame
from orchestration.state import RunStatus
from orchestration.store import control
from orchestration.store.sqlite import MemoryStore
from orchestration.store.workers import NewWorker

WORKER = "testbed"
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
SLOTS = 100


@dataclass(slots=True)
class VirtualClock:
    """A clock that stands still until it is moved."""

    at: datetime = BEGINNING
    boot: str = "virtual"
    offset: float = BEGINNING.timestamp()
    may_be_set: bool = False

    def now(self) -> datetime:
        """The time of day, UTC."""
        return self.at

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.at - BEGINNING).total_seconds()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an action."""

    agent: str
    action: str
    item: Any
    attempt: int


@dataclass(slots=True)
class Fleet:
    """An app in a test: start workflows, move the clock, let actions fail.

    Every method returns once nothing more can happen until the clock is moved.

    Attributes:
        calls: Every call of an action so far, in order.
    """

    app: App
    calls: list[Call] = field(default_factory=list)
    clock: VirtualClock = field(default_factory=VirtualClock)
    engine: Engine = field(init=False)
    _failures: dict[tuple[str, str], deque[BaseException]] = field(default_factory=dict)
    _messages: deque[Dispatch] = field(default_factory=deque)
    _frame: Frame = field(init=False)

    def __post_init__(self) -> None:
        store = MemoryStore()
        store.clock = self.clock
        store.write(lambda s: control.ensure(s, new_id()))
        offers = frozenset(agent.offer(a) for agent in self.app.agents for a in agent.actions)
        rules = Rules(me=WORKER, offers=offers, rates=self.app.rates, jitter=lambda: 0.5)
        self.engine = Engine(store, self, rules)
        self._frame = Frame(self._recording(), self.engine, FleetAccess(self.engine))
        worker = NewWorker(
            id=WORKER,
            host="testbed",
            pid=0,
            release="test",
            offers=sorted(offers),
            transport="testbed",
            slots=dict.fromkeys(self.app.agent, SLOTS),
        )
        self.engine.join(worker, self.app)

    def start(
        self, name: str, parameters: Mapping[str, Any] | BaseModel | None = None
    ) -> StoreHandle:
        """Start a workflow, and run it as far as it goes.

        Raises:
            RejectedError: The name or the parameters are wrong.
        """
        command = command_of(self.app, name, parameters, "test")
        handle = StoreHandle(self.engine, self.engine.submit(command))
        self._settle()
        return handle

    def advance(self, span: timedelta) -> None:
        """Move the clock, stopping at every timer on the way."""
        end = self.clock.at + span
        while (due := self._next_timer()) is not None and due <= end:
            self.clock.at = max(due, self.clock.at)
            self.engine.fire_timers()
            self._settle()
        self.clock.at = end

    def fail_next(self, agent: str, action: str, error: BaseException) -> None:
        """Let the next call of an action raise; several errors are raised by as many calls."""
        self._failures.setdefault((agent, action), deque()).append(error)

    def approve(self, workflow_id: str, step: str) -> RunStatus:
        """Approve a step that waits for a person, and run on.

        Raises:
            NotFoundError: No branch waits there.
        """
        shown = self.engine.shown(workflow_id, step)
        self.engine.approve(workflow_id, step, shown, By("test"))
        self._settle()
        return StoreHandle(self.engine, workflow_id).phase()

    def reject(self, workflow_id: str, step: str) -> RunStatus:
        """Reject a step that waits for a person, and run on: the run is cancelled, and undone.

        Raises:
            NotFoundError: No branch waits there.
        """
        self.engine.reject(workflow_id, step, By("test"))
        self._settle()
        return StoreHandle(self.engine, workflow_id).phase()

    @property
    def flows(self) -> bool:
        """Always true: no message is held up here."""
        return True

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Take the engine's messages: the fleet is its own transport."""
        self._messages.extend(messages)

    def close(self) -> None:
        """Close the store, and with it forget everything."""
        self.engine.store.close()

    def _settle(self) -> None:
        while self._messages:
            self._frame.work(self._messages.popleft(), lambda: None)

    def _next_timer(self) -> datetime | None:
        row = self.engine.store.read(
            lambda s: s.one(
                "SELECT MIN(due_at) FROM"
                " (SELECT due_at FROM steps UNION ALL SELECT due_at FROM runs"
                " UNION ALL SELECT circuit_due FROM agents"
                " UNION ALL SELECT rate_due FROM agents) timers"
            )
        )
        return None if row is None or row[0] is None else datetime.fromtimestamp(row[0], UTC)

    def _recording(self) -> App:
        agents = [
            replace(
                agent,
                actions={
                    n: self._recorded(agent, n, action) for n, action in agent.actions.items()
                },
            )
            for agent in self.app.agents
        ]
        return App(agents=agents, workflows=self.app.workflows)

    def _recorded(self, agent: Agent, name: str, action: Action) -> Callable[[Context], Any]:
        def recorded(context: Context) -> Any:
            self.calls.append(Call(agent.name, name, context.item, context.attempt))
            if failures := self._failures.get((agent.name, name)):
                raise failures.popleft()
            return action(context)

        return recorded
