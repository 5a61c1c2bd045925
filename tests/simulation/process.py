"""One simulated process: the real engine, frame, keeper, ingress and notifier behind it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from orchestration.engine import Rules
from orchestration.errors import StoreError
from orchestration.ports import Dispatch
from orchestration.runtime.frame import Frame
from orchestration.runtime.ingress import ORDINARY, Ingress
from orchestration.runtime.notifier import Notifier
from orchestration.runtime.sweeper import Sweeper
from orchestration.settings import Settings
from orchestration.store.workers import NewWorker
from tests.simulation.exchange import Line, Post
from tests.simulation.faults import CrashError, FaultyStore
from tests.simulation.flows import APP, STRANGER
from tests.simulation.stage import Stage
from tests.simulation.watched import SimulatedKeeper, WatchedEngine, WatchedTimetable

if TYPE_CHECKING:
    from tests.simulation.ground import Ground

DAYS = timedelta(days=9)
SELDOM = 0.03
HEARTBEAT = timedelta(seconds=15)
SETTINGS = Settings.model_validate({"OUTSIDE_AGENTS": STRANGER})


class Locks:
    """The locks of one process, as proof of its life; its death frees them.

    Args:
        all_held: The holder of each lock, of all processes.
        me: The process.
    """

    proof_s = 0.0

    def __init__(self, all_held: dict[str, str], me: str) -> None:
        self._all = all_held
        self._me = me

    def hold(self, name: str) -> bool:
        return name not in self._all and self._all.setdefault(name, self._me) == self._me

    def holds(self, name: str) -> bool:
        return self._all.get(name) == self._me

    def release(self, name: str) -> None:
        self._all.pop(name, None)

    def is_free(self, name: str) -> bool:
        return name not in self._all

    def close(self) -> None: ...


class Queue:
    """The transport of dispatches to RabbitMQ; its messages may get lost with its process."""

    flows = True

    def __init__(self, world: "Ground", process: "Process") -> None:
        self._world = world
        self._process = process

    def send(self, messages: Sequence[Dispatch]) -> None:
        self._world.insist(not self._process.store.is_writing, "no publish before its commit")
        self._world.messages.extend(messages)


class Process:
    """A worker or, if it offers nothing, a client.

    Args:
        world: The simulation that it is in.
        name: The name of this incarnation.
        works: Whether it is a worker.
    """

    def __init__(self, world: "Ground", name: str, *, works: bool = True) -> None:
        self.world, self.name, self.works = world, name, works
        self.dead = self.paused = self.leaving = self.joined = self.ghost = False
        self.beaten_at = world.awake_s
        self.decided: set[Dispatch] = set()
        self.stages: dict[Stage, Dispatch] = {}
        self.unacknowledged: list[Dispatch] = []
        self.store = FaultyStore(world.store, world.faults, lambda: self.dead, self.meanwhile)
        self.locks = Locks(world.locks, name)
        self.engine = WatchedEngine(self.store, Queue(world, self), self._rules())
        self.engine.world, self.engine.process = world, self
        if works:
            self._make_parts()

    def _rules(self) -> Rules:
        ours = [agent for agent in APP.agents if self.works and agent.name != STRANGER]
        return Rules(
            me=self.name,
            offers=frozenset(agent.offer(action) for agent in ours for action in agent.actions),
            slots=self.world.slots,
            outside=frozenset({STRANGER}),
            workflow_timeout=self.world.workflow_timeout,
            jitter=lambda: 0.5,
        )

    def _make_parts(self) -> None:
        self.row = NewWorker(
            id=self.name,
            host="here",
            pid=7,
            release="1",
            offers=sorted(self.engine.rules.offers),
            transport="simulated",
            slots={"warehouse": 2, "narrow": 2},
        )
        self.frame = Frame(self.world.app, self.engine, SimpleNamespace())
        self.sweeper = Sweeper(self.engine, self.locks)
        self.timetable = WatchedTimetable(self.engine, APP)
        self.timetable.process = self
        self.keeper = SimulatedKeeper(
            self.engine, self.frame, self.sweeper, self.row, HEARTBEAT, lambda: None
        )
        self.post = Post(self.world.exchange, self)
        self.notifier = Notifier(self.engine, self.locks, self.post.made)
        self.line = Line(self.world.exchange)
        connect: Any = lambda: self.line  # noqa: E731
        claim: Any = SimpleNamespace(make=lambda _: None)
        where = (self.engine, self.world.app, self.locks, connect, claim, SETTINGS)
        self.ingress = Ingress(*where, queues=ORDINARY)

    @property
    def lives(self) -> bool:
        """Whether it is neither dead nor stopped."""
        return not (self.dead or self.paused)

    @property
    def claimed(self) -> Iterator[Stage]:
        """The threads whose actions are running."""
        return (stage for stage in self.stages if stage.context is not None)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Act as this process; a crash is its death, and an error of the store is tolerated."""
        before, self.world.actor = self.world.actor, self
        try:
            yield
        except CrashError:
            self.dead = True
        except StoreError:
            pass
        finally:
            self.world.actor = before
        if self.dead:
            self.world.bury(self)

    def meanwhile(self, often: float = SELDOM) -> None:
        """Before a write by what was read: now and then another process does something first."""
        self.world.meanwhile(self, often)

    def sweep(self) -> None:
        """Sweep, as a scheduler asks for."""
        with self.acting():
            self.sweeper.sweep()
            self.timetable.fire()
            while self.engine.forget(DAYS, self.world.kept):
                pass

    def join(self) -> None:
        """Join the fleet as a worker; if that fails it ends, and another one is started."""
        with self.acting():
            self.locks.hold(self.name)
            self.sweeper.bury()
            self.engine.join(self.row, APP, self.sweeper.dead())
            self.joined = True
        if not self.joined and not self.dead:
            self.die()

    def takes(self, message: Dispatch) -> bool:
        """Whether one of its threads would take a message now, without waiting at the gate."""
        if len(self.stages) >= 4:
            return False
        alone = any(held.alone for held in self.stages.values())
        return not alone and not (message.alone and self.stages)

    def work(self, message: Dispatch) -> None:
        """Let a thread take a message."""
        self.unacknowledged.append(message)

        def settle() -> None:
            self.settle(message)

        stage = Stage(lambda: self.frame.work(message, settle), self.world.action_began)
        self.stages[stage] = message
        with self.acting():
            stage.start()
        self.clean()

    def settle(self, message: Dispatch) -> None:
        """Acknowledge a message."""
        known = message in self.decided or self.frame.cut_off or self.holds(message)
        self.world.insist(known, "no acknowledgement before its commit")
        self.world.reach_acknowledging(lambda: self.unacknowledged.remove(message))

    def holds(self, message: Dispatch) -> bool:
        """Whether the attempt of a message runs here already."""
        held = (message.run_id, message.step, message.branch), message.attempt
        return held in self.frame.held()

    def answer(self, stage: Stage, answer: Callable[[], Any]) -> None:
        """Let the action of a thread return, or raise, by calling `answer`."""
        with self.acting():
            stage.answer(answer)
        self.clean()

    def clean(self) -> None:
        """Forget the threads that have ended."""
        self.stages = {s: m for s, m in self.stages.items() if not s.is_over}

    def tick(self) -> None:
        """Let its keeper tick; and depart, once it is asked to and holds nothing."""
        with self.acting():
            self.keeper.tick()
        if self.keeper.asked_to_end and self.lives:
            self.leave()
        if self.leaving and self.lives and not self.stages:
            self.depart()

    def leave(self) -> None:
        """Ask it to end."""
        with self.acting():
            self.frame.draining = self.leaving = True
            self.engine.drain(self.name)

    def depart(self) -> None:
        """End in good order; if the store is away, as if it had died."""
        with self.acting():
            self.engine.depart(self.name)
            self.locks.release(self.name)
        self.die()

    def die(self) -> None:
        """End here and now."""
        self.dead = True
        self.world.bury(self)

    def listen(self) -> None:
        """Take in messages from the exchange, if this worker is the one that does."""
        with self.acting():
            if self.ingress._election.won():  # noqa: SLF001 - its thread is ours here
                self.line.open()
                with suppress(EOFError):
                    self.ingress._consume()  # noqa: SLF001

    def speak(self) -> None:
        """Publish the messages of the outbox, if this worker is the one that does."""
        with self.acting():
            if self.notifier._election.won():  # noqa: SLF001
                self.notifier.tick()
            else:
                self.notifier.settle()
