"""The ground of a simulated fleet: its store, clock, exchange and processes, and the witness."""

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

from orchestration import failpoints
from orchestration.engine import Key
from orchestration.engine.outside import COMMAND_ID
from orchestration.engine.speech import CANCEL
from orchestration.errors import (
    NotFoundError,
    RejectedError,
    StateError,
    StoppedError,
    StoreError,
)
from orchestration.failpoints import Failpoint, name_of
from orchestration.liveness import SILENT_AFTER_S
from orchestration.messages import MessageType, compose
from orchestration.plans import UNDO
from orchestration.ports import Dispatch, Session, Store
from orchestration.state import StepStatus
from orchestration.store import control, runs, schedules, steps, stops
from orchestration.store.schedules import ScheduleRow
from tests.clock import FakeClock, go_by
from tests.simulation import coverage
from tests.simulation.exchange import Exchange, Json
from tests.simulation.faults import CrashError, Faults, quick_store
from tests.simulation.flows import APP, EVERY_TWO_MINUTES
from tests.simulation.process import Process
from tests.simulation.stage import Stage, act
from tests.simulation.witness import Witness

RETRIED = "SELECT generation FROM runs WHERE id = ?"
ENDED = "SELECT 1 FROM attempts WHERE run_id = ? AND step = ? AND branch = ? AND attempt = ?"
FEW = 2  # with some seeds, the most ended runs and dead letters that are kept
REQUESTERS = ("mgmt", "ops")


class Said(NamedTuple):
    """When something was said, by both clocks, in seconds: one of them may be set meanwhile."""

    monotonic: float
    at: float


class Idle:
    """A process without measurements."""

    def cpu_percent(self) -> float:
        return 0.0

    memory_percent = cpu_percent


class Bugs(logging.Handler):
    """Errors that the product logs with a traceback: it survives them, but the simulation fails."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(record.exc_info[1], StoreError):
            self.found.append(self.format(record))


class Ground:
    """The store, the clock, the exchange and the processes of one seed.

    Args:
        seed: The seed of all chance.
        store: An empty store; None: one in memory.
    """

    def __init__(self, seed: int, store: Store | None = None) -> None:
        self.random = Random(seed)
        self.faults = Faults(self.random)
        self.slots = self.random.choice([1, 2, 3])
        self.workflow_timeout = self.random.choice([timedelta(minutes=15), timedelta(days=9)])
        self.kept = FEW if self.chance(0.2) else 1_000
        self.is_scheduled, self.may_restore = self.chance(0.5), self.chance(0.3)
        self.quick = None if store else quick_store()
        if self.quick:
            self.quick.empty()
        self.store: Store = store or self.quick  # type: ignore[assignment]
        self.clock = FakeClock()
        go_by(self.store, self.clock)
        agents = [replace(each, actions=dict.fromkeys(each.actions, act)) for each in APP.agents]
        self.app = replace(APP, agents=agents)
        self._begin()

    def _begin(self) -> None:
        """Begin without processes, messages or runs."""
        self.awake_s = 0.0
        self.locks: dict[str, str] = {}
        self.exchange = Exchange()
        self.messages: list[Dispatch] = []
        self.processes: list[Process] = []
        self.by_name: dict[str, Process] = {}
        self.actor: Process | None = None
        self.is_meanwhile = False
        self.witness = Witness()
        self.heard = dict.fromkeys(REQUESTERS, 0)
        self.bugs = Bugs()
        self.broken: list[str] = []
        self.unread: dict[str, Said] = {}  # answers in time
        self.moves: Counter[str] = Counter()
        self.born = self.asked = self.restored = self._since_check = 0
        self._seen = -1
        self.store.write(lambda s: control.ensure(s, "store"))
        self.store.write(self.plan)
        self.client = self.start(works=False)

    def plan(self, session: Session) -> None:
        """Add a schedule, which starts runs by the clock."""
        now = self.clock.now()
        row = ScheduleRow(
            "often", "single", "{}", EVERY_TWO_MINUTES, "UTC", "allow",
            not self.is_scheduled, now, None, now,
        )  # fmt: skip
        schedules.insert(session, row)

    def start(self, *, works: bool = True) -> Process:
        """Begin a process."""
        self.born += 1
        name = f"{'w' if works else 'client'}{self.born}"
        found = self.by_name[name] = Process(self, name, works=works)
        return found

    def bury(self, process: Process) -> None:
        """Clean up after a dead process: free its locks, and requeue its messages."""
        for name in [name for name, owner in self.locks.items() if owner == process.name]:
            del self.locks[name]
        if process in self.processes:
            self.processes.remove(process)
        if process is self.client:
            self.client = self.start(works=False)
        if process.works:
            process.post.lose(self.random.randint(0, len(process.post.under_way)))
        self.messages.extend(process.unacknowledged)
        process.unacknowledged = []
        for stage in list(process.stages):
            if stage.context is not None:
                with suppress(CrashError):
                    stage.answer(crash)
        process.stages.clear()

    @property
    def living(self) -> list[Process]:
        return [each for each in self.processes if each.lives]

    @property
    def staying(self) -> list[Process]:
        """The live processes that are not about to leave: some must remain to find dead ones."""
        return [each for each in self.living if not each.leaving]

    def reach(self, point: Failpoint, about: Any = None) -> None:
        """Note that the acting process has reached a failpoint; perhaps it dies there."""
        if self.actor is not None and self.faults.at(point, about):
            self.actor.dead = True
            if about is not None:
                self.faults.died_in[name_of(about)] += 1
            raise CrashError

    def reach_acknowledging(self, acknowledge: Callable[[], None]) -> None:
        """Acknowledge a message, as `runtime.acknowledgement` does."""
        failpoints.reach(Failpoint.ACKNOWLEDGING)
        acknowledge()
        failpoints.reach(Failpoint.ACKNOWLEDGED)

    def meanwhile(self, process: Process, often: float) -> None:
        """Let another process do something, now and then, before this one writes."""
        if self.is_meanwhile or self.actor is not process or not self.chance(often):
            return
        others = [each for each in self.living if each is not process]
        if others:
            other = self.random.choice(others)
            self.is_meanwhile = True
            self.random.choice([other.sweep, other.tick])()
            self.is_meanwhile = False

    def insist(self, kept: bool, promise: str) -> None:  # noqa: FBT001 - it is the question
        """Check a promise, and remember a broken one, since the product may swallow the error.

        The frame, for one, takes an error in an action for a failure of its attempt.
        """
        if not kept:
            self.broken.append(promise)
            raise AssertionError(promise)

    def check_silence(self, process: Process) -> None:
        """Check a take-over for silence: pauses and clock jumps alone must cause none."""
        still_s = self.awake_s - process.beaten_at
        may = process.dead or still_s >= SILENT_AFTER_S
        self.insist(may, f"taken over after {still_s} s")

    def check_command(self, topic: str) -> None:
        """Check that no message is the command of an attempt that has ended without a result."""
        if COMMAND_ID.fullmatch(topic) and not topic.endswith(CANCEL):
            ended = self.store.read(lambda s: s.one(ENDED, *attempt_of(topic)))
            self.insist(ended is None, "no command leaves after its attempt")

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def tell(
        self, sender: str, kind: MessageType, payload: Json, key: str = "", about: str | None = None
    ) -> None:
        """Publish a message for the orchestrator; some are published twice."""
        self.asked += 1
        body = compose(
            key or f"m{self.asked}", kind, "orchestration_agent", payload,
            at=self.clock.now(), sender=sender, correlation_id=about,
        )  # fmt: skip
        for _ in range(2 if self.chance(0.1) else 1):
            self.exchange.publish(f"{kind.value.partition('_')[0]}.orchestration", body.encode())

    def is_tried(self, operation: Callable[[], Any]) -> Any:
        """Call an operation as a client, which may die in it, or never learn the outcome."""
        found = []
        with self.client.acting():
            found.append(operation())
        return found[0] if found else None

    def allowed(self, operation: Callable[[], Any]) -> None:
        """Call an operation that the state of a run may forbid."""
        with suppress(StateError, NotFoundError, StoppedError, RejectedError):
            self.is_tried(operation)

    def hex(self) -> str:
        return f"{self.random.getrandbits(48):012x}"

    def stopped(self) -> bool:
        return bool(self.store.read(stops.is_stopped))

    def is_held_up(self, run_id: str) -> bool:
        """Whether an emergency stop keeps a run from going on."""
        return self.stopped() and not self.store.read(lambda s: runs.is_system(s, run_id))

    def runs(self, *statuses: str) -> list[str]:
        """The runs, perhaps only those in some statuses."""
        rows = self.store.read(lambda s: s.all("SELECT id, status FROM runs ORDER BY id"))
        return [run_id for run_id, status in rows if not statuses or status in statuses]

    def action_began(self, stage: Stage) -> None:
        """Check that an action may be called: its claim is committed."""
        context = stage.context
        assert context is not None
        key = stage.key
        self.witness.began(key, context.attempt)
        row = self.store.read(lambda s: steps.get(s, *key))
        assert row is not None
        assert (row.status, row.attempt) == (StepStatus.RUNNING, context.attempt), "no early start"
        if context.step.startswith(UNDO):
            assert self.acting_in(key[0]) <= {key}, "no undo while an attempt may act"
            command = self.store.read(lambda s: runs.get(s, context.workflow_id)).command
            self.witness.undo_began(command, key)

    def accepted(self, key: Key, attempt: int) -> None:
        """Check an accepted completion: it must be that of the attempt that had the branch."""
        row = self.store.read(lambda s: steps.get(s, *key))
        found = None if row is None else (row.status, row.attempt)
        self.insist(found == (StepStatus.COMPLETED, attempt), "only who has an attempt ends it")
        self.insist(self.witness.accepts(key, attempt), "one completion a branch")
        if key[1] == "pay":
            self.witness.payers.add(key[0])

    def is_completed(self, key: Key, attempt: int | None = None) -> bool:
        """Whether a branch is completed, perhaps by one attempt, according to its row."""
        row = self.store.read(lambda s: steps.get(s, *key))
        if row is None or row.status is not StepStatus.COMPLETED:
            return False
        return attempt in (None, row.attempt)

    def acting_in(self, run_id: str) -> set[Key]:
        """Branches of a run on which a process, silent or not, really works now.

        Ghosts may, too, which no process can know: a person who resumes after a restore risks it.
        """
        keys = (
            stage.key
            for process in self.processes
            if not process.ghost
            for stage in process.claimed
        )
        return {key for key in keys if key[0] == run_id}

    def everybody_hears(self) -> None:
        """Let all requesters read the messages to them."""
        for name in REQUESTERS:
            box = self.exchange.boxes[name]
            for message in box[self.heard[name] :]:
                if message["message_type"] != "error":
                    self.hear(message)
            self.heard[name] = len(box)

    def hear(self, message: Json) -> None:
        payload = message["payload"]
        run_id = payload.get("progress_update", payload)["workflow_id"]
        retried = self.store.read(lambda s: s.one(RETRIED, run_id)) != (1,)
        self.witness.hear(message, retried=retried)

    def covered(self) -> Counter[str]:
        """How often each transition was taken and each failpoint reached."""
        found = self.moves + Counter({f"reached {k}": n for k, n in self.faults.reached.items()})
        found += Counter({f"died at {k}": n for k, n in self.faults.died.items()})
        deaths = {name: n for name, n in self.faults.died_in.items() if name in coverage.RECOVERY}
        found += Counter({f"died in {name}": n for name, n in deaths.items()})
        return found + (coverage.steps_of(self.quick) if self.quick else Counter())


def attempt_of(command: str) -> tuple[str, str, int, int]:
    """The run, step, branch and number of the attempt that a command is about, by its id."""
    match = COMMAND_ID.fullmatch(command)
    assert match is not None
    return match["run"], match["step"], int(match["branch"] or 0), int(match["attempt"])


def raise_(error: BaseException) -> None:
    raise error


def crash() -> None:
    raise CrashError
