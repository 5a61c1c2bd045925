"""The parts of one worker process over a store in memory, with a clock and locks of the test's."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from orchestration import Agent, App, Context, Retry, Step, Workflow
from orchestration.clock import new_id, run_hex
from orchestration.engine import Engine, Rules
from orchestration.engine.submit import prepare
from orchestration.ports import Dispatch, Session, Store
from orchestration.runtime.access import FleetAccess
from orchestration.runtime.frame import Frame
from orchestration.runtime.keeper import Keeper
from orchestration.runtime.sweeper import Sweeper
from orchestration.state import RunStatus
from orchestration.store import control, runs, steps
from orchestration.store.presence import MemoryLocks
from orchestration.store.sqlite import MemoryStore
from orchestration.store.workers import NewWorker
from tests.clock import FakeClock, go_by

AGENT = "smith"
SLOTS = 8


class Order(BaseModel):
    pieces: list[int] = [1]
    note: str = ""


class Anvil:
    """An action that blocks until the test lets it go on."""

    def __init__(self) -> None:
        self.busy = threading.Semaphore(0)
        self.free = threading.Event()
        self.calls: list[Context] = []

    def forge(self, context: Context) -> int:
        self.calls.append(context)
        context.progress(0.5, "hammering")
        self.busy.release()
        while not (self.free.wait(0.01) or context.cancelled):
            pass
        return int(context.item or 0)

    def wait(self) -> Context:
        """Wait until a call has begun, and return its context."""
        assert self.busy.acquire(timeout=5)
        return self.calls[-1]

    @property
    def app(self) -> App:
        retry = Retry(attempts=2, delay=timedelta(seconds=1))
        return App(
            agents=[Agent(AGENT, actions={"forge": self.forge, "melt": lambda _: None})],
            workflows=[
                Workflow(
                    "order",
                    parameters=Order,
                    steps=[
                        Step(
                            "forging",
                            AGENT,
                            "forge",
                            for_each="parameters.pieces",
                            retry=retry,
                            undo="melt",
                        )
                    ],
                )
            ],
        )


class Shelf:
    """A transport that keeps every message."""

    flows = True

    def __init__(self) -> None:
        self.sent: list[Dispatch] = []

    def send(self, messages: Sequence[Dispatch]) -> None:
        self.sent.extend(messages)


class Workshop:
    """The parts that `Running` puts together, for one worker of a test."""

    def __init__(
        self,
        app: App,
        clock: FakeClock,
        store: Store,
        locks: MemoryLocks | None = None,
        watch: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.app, self.clock, self.shelf = app, clock, Shelf()
        self.store = store
        go_by(store, clock)
        self.locks = locks or MemoryLocks()
        self.store.write(lambda s: control.ensure(s, new_id()))
        offers = sorted(agent.offer(action) for agent in app.agents for action in agent.actions)
        rules = Rules(me=new_id(), offers=frozenset(offers), jitter=lambda: 0.5)
        self.me = rules.me
        self.engine = Engine(self.store, self.shelf, rules)
        self.frame = Frame(app, self.engine, FleetAccess(self.engine))
        self.sweeper = Sweeper(self.engine, self.locks)
        self.worker = NewWorker(
            id=self.me,
            host="here",
            pid=1,
            release="test",
            offers=offers,
            transport="test",
            slots=dict.fromkeys(app.agent, SLOTS),
        )
        self.locks.hold(self.me)
        self.engine.join(self.worker, app)
        heartbeat = timedelta(seconds=15)
        self.keeper = Keeper(self.engine, self.frame, self.sweeper, self.worker, heartbeat, watch)

    def beside(self) -> "Workshop":
        """Another worker over the same store."""
        return Workshop(self.app, self.clock, self.store, self.locks)

    def start(self, parameters: Mapping[str, Any] | None = None) -> str:
        """Start a run; its messages are on the shelf."""
        command = prepare(self.app, "order", parameters or {}, sender="test", run_hex=run_hex())
        return self.engine.submit(command)

    def work(self) -> threading.Thread:
        """Work on the next message in a thread."""
        dispatch = self.shelf.sent.pop(0)
        work = threading.Thread(target=self.frame.work, args=(dispatch, lambda: None), daemon=True)
        work.start()
        return work

    def tick(self, span: timedelta) -> None:
        """Let time go by, and the keeper do its work twice a second."""
        end = self.clock.now() + span
        while self.clock.now() < end:
            self.clock.advance(timedelta(seconds=0.5))
            self.keeper.tick()

    def status(self, run: str) -> RunStatus:
        return self.store.read(lambda s: runs.status(s, run))

    def branch(self, run: str, branch: int = 0) -> steps.StepRow:
        row = self.store.read(lambda s: steps.get(s, run, "forging", branch))
        assert row is not None
        return row


class MoodyStore(MemoryStore):
    """A store that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    def write(self, operation: Callable[[Session], Any]) -> Any:
        if self.error is not None:
            raise self.error
        return super().write(operation)
