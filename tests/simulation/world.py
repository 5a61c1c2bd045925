"""The real engine, its frame, ingress and notifier among processes that die, and what gets lost.

Everything is drawn from one seed. What must hold is checked against a witness outside the store.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

from orchestration import failpoints
from orchestration.engine import Key
from orchestration.engine import fork as forks
from orchestration.engine.by import By
from orchestration.engine.submit import prepare
from orchestration.errors import (
    NotFoundError,
    RejectedError,
    StateError,
    StoppedError,
    StoreError,
)
from orchestration.failpoints import Failpoint
from orchestration.liveness import SILENT_AFTER_S
from orchestration.messages import MessageType, compose
from orchestration.plans import UNDO
from orchestration.ports import Dispatch, Store
from orchestration.runtime import door, frame, ingress
from orchestration.state import RunStatus, StepStatus
from orchestration.store import control, outbox, runs, steps, stops, workers
from tests.clock import FakeClock
from tests.simulation import coverage, promises
from tests.simulation.exchange import Exchange, Json
from tests.simulation.faults import CrashError, Faults, QuickStore
from tests.simulation.flows import APP, FLOWS, STRANGER
from tests.simulation.process import Process
from tests.simulation.stage import Stage, act
from tests.simulation.witness import Witness, is_acknowledgement, is_final

BUG = "a bug was logged, and is hidden from whoever asks: "
REQUESTERS = ("mgmt", "ops")
NAMES = [flow.name for flow in FLOWS]
EVERY = 4
TICK_S = 2.0
LONG_TICKS = 8
MOST_WORKERS = 4  # the story's; more come when all shall end
ROUNDS = 60
LARGE = "x" * 70_000


class Bugs(logging.Handler):
    """Errors that the product logs with a traceback: it lives on, and the simulation does not."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(record.exc_info[1], StoreError):
            self.found.append(self.format(record))


class Simulation:
    """One seed.

    Args:
        seed: What everything is drawn from.
        store: An empty store; None: one in memory.
    """

    def __init__(self, seed: int, store: Store | None = None) -> None:
        self.random = Random(seed)
        self.faults = Faults(self.random)
        self.slots = self.random.choice([1, 2, 3])
        self.quick = None if store else QuickStore()
        if self.quick:
            coverage.watch(self.quick)
        self.store: Store = store or self.quick  # type: ignore[assignment]
        self.store.write(lambda s: control.ensure(s, "store"))
        self.clock = FakeClock()
        self.awake_s = 0.0
        agents = [replace(each, actions=dict.fromkeys(each.actions, act)) for each in APP.agents]
        self.app = replace(APP, agents=agents)
        self.locks: dict[str, str] = {}
        self.exchange = Exchange()
        self.messages: list[Dispatch] = []
        self.processes: list[Process] = []
        self.by_name: dict[str, Process] = {}
        self.actor: Process | None = None
        self.witness = Witness()
        self.heard = dict.fromkeys(REQUESTERS, 0)
        self.bugs = Bugs()
        self.broken: list[str] = []
        self.moves: Counter[str] = Counter()
        self.born = self.asked = self._seen = 0
        self._since_check = 0
        self.client = self.start(works=False)

    # Who lives.

    def start(self, *, works: bool = True) -> Process:
        """Begin a process."""
        self.born += 1
        name = f"{'w' if works else 'client'}{self.born}"
        found = self.by_name[name] = Process(self, name, works=works)
        return found

    def bury(self, process: Process) -> None:
        """End what is left of a dead process: its locks are free, its messages come again."""
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
        """Who lives and is not about to go: somebody must be there to see who is dead."""
        return [each for each in self.living if not each.leaving]

    def reach(self, point: Failpoint, _about: Any = None) -> None:
        """A process has come so far; perhaps it dies there."""
        if self.actor is not None and self.faults.at(point):
            self.actor.dead = True
            raise CrashError

    def reach_acknowledging(self, acknowledge: Callable[[], None]) -> None:
        """Acknowledge a message, as `runtime.acknowledgement` does."""
        failpoints.reach(Failpoint.ACKNOWLEDGING)
        acknowledge()
        failpoints.reach(Failpoint.ACKNOWLEDGED)

    def insist(self, kept: bool, promise: str) -> None:  # noqa: FBT001 - it is the question
        """See that a promise is kept, also where the product would take our complaint for its own.

        The frame, for one, takes whatever is raised in an action for the end of its attempt.
        """
        if not kept:
            self.broken.append(promise)
            raise AssertionError(promise)

    def check_silence(self, process: Process) -> None:
        """A take-over because of silence: pauses and jumps of a clock alone cause none."""
        still_s = self.awake_s - process.beaten_at
        may = process.dead or still_s >= SILENT_AFTER_S
        self.insist(may, f"taken over after {still_s} s")

    # What happens.

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def a_command_comes(self) -> None:
        """Somebody starts a run, by a client or over the bus; some ask twice."""
        number = self.random.randrange(20)
        flow = NAMES[min((number * 5 + 3) % 9, len(NAMES) - 1)]
        parameters = {"items": list(range(number % 4)), "wanted": number % 3 > 0}
        if self.chance(0.6):
            self.ask(self.random.choice(REQUESTERS), f"k{number}", flow, parameters)
            return
        run_id = self.is_tried(lambda: self.submit(f"k{number}", flow, parameters))
        if run_id is not None:
            self.witness.known("client", f"k{number}", run_id)

    def submit(self, key: str, flow: str, parameters: Json) -> str | None:
        stopped = self.stopped()
        command = prepare(APP, flow, parameters, sender="client", run_hex=self.hex())
        try:
            return self.client.engine.submit(replace(command, key=key))
        except StoppedError:
            assert stopped, "only a stop forbids"
            return None

    def ask(self, sender: str, key: str, flow: str, parameters: Json) -> None:
        payload = {"command_type": flow, "parameters": parameters}
        self.tell(sender, MessageType.COMMAND, payload, key)
        self.witness.asked.add((sender, key))

    def tell(
        self, sender: str, kind: MessageType, payload: Json, key: str = "", about: str | None = None
    ) -> None:
        """Publish something for the orchestrator; some of it comes twice."""
        self.asked += 1
        body = compose(
            key or f"m{self.asked}", kind, "orchestration_agent", payload,
            at=self.clock.now(), sender=sender, correlation_id=about,
        )  # fmt: skip
        for _ in range(2 if self.chance(0.1) else 1):
            self.exchange.publish(f"{kind.value.partition('_')[0]}.orchestration", body.encode())

    def a_worker_is_born(self) -> None:
        if len(self.processes) < MOST_WORKERS or self.faults.healed:
            process = self.start()
            self.processes.append(process)
            process.join()

    def a_message_arrives(self) -> None:
        messages = self.messages
        if messages and self.chance(0.05):
            messages.pop(self.random.randrange(len(messages)))  # which is lost
        if not messages or not self.living:
            return
        message = messages[self.random.randrange(min(3, len(messages)))]
        process = self.random.choice(self.living)
        if process.takes(message):
            messages.remove(message)
            if self.chance(0.15):
                messages.append(message)
            process.work(message)

    def an_attempt_ends(self) -> None:
        """One does; rather one whose branch somebody else works on by now."""
        found = [(each, stage) for each in self.living for stage in each.claimed]
        keys = Counter(stage.key for _, stage in found)
        late = [(each, stage) for each, stage in found if keys[stage.key] > 1]
        if found:
            process, stage = self.random.choice(late or found)
            process.answer(stage, self.outcome_of(stage))

    def outcome_of(self, stage: Stage) -> Callable[[], Any]:
        """What an action makes of its attempt."""
        context = stage.context
        assert context is not None
        if not context.step.startswith(UNDO) and self.chance(0.15):
            return partial(raise_, RejectedError("no") if self.chance(0.3) else OSError("broken"))
        if context.step == "asked" and self.chance(0.5):
            return partial(raise_, RejectedError("no"))
        if context.step == "pay":
            context.configuration.set("payer", context.workflow_id)
        if self.chance(0.3):
            context.progress(self.random.random(), "more")
        value = LARGE if self.chance(0.01) else context.attempt
        return lambda: value

    def a_worker_dies(self) -> None:
        if self.processes and self.chance(0.4):
            self.random.choice(self.processes).die()

    def a_worker_stands_still(self) -> None:
        """It does so for a moment, or for so long that others take over from it."""
        busy = [each for each in self.living if each.stages] or self.living
        if not busy or self.chance(0.3):
            return
        process = self.random.choice(busy)
        process.paused = True
        if self.chance(0.4):
            for _ in range(LONG_TICKS):
                self.tick()
            for _ in range(LONG_TICKS):
                self.a_message_arrives()
            process.paused = self.chance(0.5)

    def a_worker_goes_on(self) -> None:
        for process in self.processes:
            process.paused = process.paused and self.chance(0.6)

    def a_worker_goes(self) -> None:
        if self.living and self.chance(0.2):
            self.random.choice(self.living).leave()

    def time_goes_by(self) -> None:
        """Some ticks in which everybody beats who can; or the machine itself stood still."""
        if self.chance(0.4):
            self.suspend(self.random.choice([11, 70, 700]))
        elif self.chance(0.1):
            self.clock.jump(timedelta(seconds=self.random.choice([-3600, -30, 30, 3600])))
        for _ in range(self.random.choice([1, 1, 2, 7])):
            self.tick()

    def suspend(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def tick(self) -> None:
        self.clock.advance(timedelta(seconds=TICK_S))
        self.awake_s += TICK_S
        for process in self.living:
            if process.lives:
                process.tick()

    def a_scheduler_ticks(self) -> None:
        """Both do: what one does, the other need not know."""
        for _ in range(2):
            if self.living:
                process = self.random.choice(self.living)
                with process.acting():
                    process.sweeper.sweep()

    def the_ingress_listens(self) -> None:
        if self.living:
            self.random.choice(self.living).listen()

    def the_notifier_speaks(self) -> None:
        if self.living:
            self.random.choice(self.living).speak()

    def the_exchange_answers(self) -> None:
        """It takes letters and says so, or gives one back, or breaks a connection."""
        for process in self.processes:
            if (post := process.post).under_way:
                if self.chance(0.8):
                    with process.acting():
                        post.confirm(self.random.randint(1, len(post.under_way)))
                elif self.chance(0.5):
                    post.refuse()
        self.everybody_hears()

    def messages_are_dropped(self) -> None:
        """The queue that is limited loses its head; RabbitMQ is told to forget the others."""
        limited = self.exchange.queues["orchestration_queue"]
        if limited and self.chance(0.3):
            limited.pop(0)
        if self.chance(0.1):
            self.messages.clear()

    def a_stranger_answers(self) -> None:
        """An agent that is not ours does, or complains, or says how far it is, or is silent."""
        box = self.exchange.boxes[STRANGER]
        if not box:
            return
        command = box.pop(self.random.randrange(len(box)))["payload"]
        if self.chance(0.1):
            box.append({"payload": command})
        self.reply(command)

    def reply(self, command: Json) -> None:
        about = command["command_id"]
        if command["command"] == "emergency_stop" or not self.chance(0.9):
            return
        if self.chance(0.05):
            payload = {"error_type": "broken", "error_message": "no", "critical": True}
            if self.chance(0.5):
                payload["workflow_id"] = command["workflow_id"]
            self.tell(STRANGER, MessageType.ERROR, payload)
            return
        if self.chance(0.2):
            progress = {"workflow_id": command["workflow_id"], "step": command.get("step")}
            self.tell(STRANGER, MessageType.STATUS_UPDATE, progress | {"progress": 0.5})
        works = self.chance(0.85)
        payload = {"status": "completed" if works else "failed", "result": 1, "command_id": about}
        self.tell(STRANGER, MessageType.RESPONSE, payload, about=about)

    def a_requester_complains(self) -> None:
        runs_told = [run for run, told in self.witness.told.items() if told]
        waiting = [run for run in self.runs("waiting", "pending") if run in runs_told]
        if runs_told and self.chance(0.8 if waiting else 0.05):
            run_id = self.random.choice(waiting or runs_told)
            sender = self.witness.told[run_id][0]["recipient"]
            payload = {"error_type": "e", "error_message": "m", "critical": True}
            self.tell(sender, MessageType.ERROR, payload | {"workflow_id": run_id})

    def somebody_stops_everything(self) -> None:
        if self.chance(0.2):
            self.is_tried(lambda: self.client.engine.stop_everything(By("chance")))

    def somebody_releases_it(self) -> None:
        if self.stopped():
            self.allowed(lambda: self.client.engine.release(By("chance")))

    def an_agent_rests(self) -> None:
        engine = self.client.engine
        change = self.random.choice([engine.pause_agents, *[engine.resume_agents] * 2])
        self.allowed(lambda: change(["narrow"], By("chance")))

    def somebody_intervenes(self) -> None:
        """A person does what a run allows, or now and then what it does not."""
        engine = self.client.engine
        verbs: list[tuple[Callable[[str], object], Sequence[str]]] = [
            *[(engine.cancel, ("pending", "running", "waiting", "paused"))] * 2,
            *[(engine.pause, ("running", "waiting", "pending"))] * 3,
            *[(self.hesitate, ("running",))] * 4,
            *[(engine.resume, ("paused",))] * 5,
            *[(engine.retry, ("failed", "cancelled"))] * 3,
            (self.fork, ("completed", "failed", "cancelled")),
        ]
        verb, statuses = self.random.choice(verbs)
        found = [] if self.chance(0.1) else self.runs(*statuses)
        run_id = self.random.choice(found or [*self.runs(), "nobody"])
        self.allowed(lambda: verb(run_id))

    def hesitate(self, run_id: str) -> None:
        """Pause a run, and let it go on at once: it has lost its slot."""
        self.client.engine.pause(run_id)
        self.client.engine.resume(run_id)

    def fork(self, run_id: str) -> None:
        """Make another run of one that has ended, with some of its results."""
        hex_ = self.hex()
        found = self.client.engine.store.read(
            lambda s: forks.propose(s, APP, run_id, forks.Edits(), sender="client", run_hex=hex_)
        )
        self.client.engine.fork(found)

    def somebody_answers(self) -> None:
        engine = self.client.engine
        waiting = self.store.read(
            lambda s: s.all("SELECT DISTINCT run_id, step FROM steps WHERE status = 'waiting'")
        )
        for run_id, step in sorted(waiting):
            answer = self.approve if self.chance(0.8) else engine.reject
            if self.faults.healed or self.chance(0.3):
                self.allowed(partial(answer, run_id, step))

    def approve(self, run_id: str, step: str) -> None:
        engine = self.client.engine
        engine.approve(run_id, step, engine.shown(run_id, step))

    # Who knows what.

    def is_tried(self, operation: Callable[[], Any]) -> Any:
        """Do something as a client, who may die of it or never learn what came of it."""
        found = []
        with self.client.acting():
            found.append(operation())
        return found[0] if found else None

    def allowed(self, operation: Callable[[], Any]) -> None:
        """Do what the state of a run may forbid."""
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
        """An action is called: its claim is committed, and it may be."""
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
        """A completion was accepted: it is that of the attempt that had the branch."""
        row = self.store.read(lambda s: steps.get(s, *key))
        found = None if row is None else (row.status, row.attempt)
        self.insist(found == (StepStatus.COMPLETED, attempt), "only who has an attempt ends it")
        self.insist(self.witness.accepts(key, attempt), "one completion a branch")

    def acting_in(self, run_id: str) -> set[Key]:
        """Branches of a run on which somebody, silent or not, really works now."""
        keys = (stage.key for process in self.processes for stage in process.claimed)
        return {key for key in keys if key[0] == run_id}

    def everybody_hears(self) -> None:
        """Requesters read what they were told."""
        for name in REQUESTERS:
            box = self.exchange.boxes[name]
            for message in box[self.heard[name] :]:
                if message["message_type"] != "error":
                    self.hear(message)
            self.heard[name] = len(box)

    def hear(self, message: Json) -> None:
        payload = message["payload"]
        run_id = payload.get("progress_update", payload)["workflow_id"]
        retried = self.store.read(lambda s: runs.get(s, run_id)).generation > 1
        self.witness.hear(message, retried=retried)

    def check(self, *, fully: bool = False) -> None:
        """See that every promise is kept."""
        assert not self.broken, self.broken[0]
        changes = self.quick.changes if self.quick else -1
        if changes == self._seen and not fully:
            return
        self._seen = changes
        self.store.read(lambda s: promises.check_often(s, self.slots, self.clock.now()))
        self._since_check += 1
        if fully or self._since_check % EVERY == 0:
            self.store.read(lambda s: promises.check_all(s, self.witness))
        assert not self.bugs.found, BUG + self.bugs.found[0]

    def covered(self) -> Counter[str]:
        """How often each transition was taken and each failpoint reached."""
        found = self.moves + Counter({f"reached {k}": n for k, n in self.faults.reached.items()})
        found += Counter({f"died at {k}": n for k, n in self.faults.died.items()})
        return found + (coverage.steps_of(self.quick) if self.quick else Counter())

    def run(self, actions: int) -> None:
        """Let chance have its way for a while, then let everything end."""
        with self.at_work():
            self.play(actions)
            self.heal()
            self.check(fully=True)
            self.check_told()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """No real time goes by, and all that is random comes from the seed."""
        log = logging.getLogger("orchestration")
        with ExitStack() as stack:
            stack.enter_context(patch.object(frame, "STORE_PAUSE_S", 0.0))
            stack.enter_context(patch.object(ingress, "LINGER_S", 0.0))
            stack.enter_context(patch.object(door, "new_id", self.hex))
            stack.enter_context(patch.object(log, "propagate", False))  # noqa: FBT003
            stack.enter_context(failpoints.listening(self.reach))
            stack.enter_context(coverage.runs_counted(self.moves))
            log.addHandler(self.bugs)
            stack.callback(log.removeHandler, self.bugs)
            try:
                yield
            finally:
                self.faults.heal()
                for process in [*self.processes]:
                    process.die()

    def play(self, actions: int) -> None:
        self.faults.store = self.random.choice([0.0, 0.02, 0.1])
        self.faults.crash = self.random.choice([0.0, 0.001, 0.004])
        often = [*[self.a_message_arrives] * 6, *[self.an_attempt_ends] * 3]
        bus = [self.the_ingress_listens, self.the_notifier_speaks, self.the_exchange_answers]
        some = [self.a_command_comes, self.somebody_answers, self.a_stranger_answers, *bus]
        rare = [self.a_worker_dies, self.a_worker_stands_still, self.a_worker_goes_on]
        rare += [self.a_worker_goes, self.a_scheduler_ticks, self.somebody_intervenes]
        rare += [self.somebody_stops_everything, self.somebody_releases_it, self.an_agent_rests]
        rare += [self.messages_are_dropped, self.time_goes_by, self.a_worker_is_born]
        people = [*[self.somebody_intervenes] * 4, *[self.a_requester_complains] * 3]
        menu = [*often, *[self.a_command_comes] * 2, *some * 2, *rare, *people]
        self.a_worker_is_born()
        for _ in range(actions):
            self.random.choice(menu)()
            self.check()

    def heal(self) -> None:
        """No more faults, and people who answer: every run must end, and soon."""
        self.faults.heal()
        while len(self.staying) < 2:
            self.a_worker_is_born()
        for _ in range(LONG_TICKS):
            self.tick()
        self.check_take_over()
        for process in self.processes:
            process.paused = False
        for number in range(ROUNDS):
            self.help()
            if self.all_is_done():
                return
            self.suspend(70 if number % 3 == 2 else 0)
            self.tick()
            self.tick()
        raise AssertionError(f"some never end: {self.open_runs()}")

    def check_take_over(self) -> None:
        """Who is dead, or silent for long enough, holds nothing any more."""
        idle = {each.name for each in self.processes if each.lives}
        owners = self.store.read(
            lambda s: s.all("SELECT owner, run_id, step FROM steps WHERE status = 'running'")
        )
        for owner, run_id, step in owners:
            known = owner in idle or owner.startswith(steps.OUTSIDE)
            assert known, f"nobody took {step} of {run_id} over from {owner}"
        for process in self.living:
            held = process.frame.held()
            mine = self.store.read(lambda s, p=process: steps.owned_by(s, p.name, None))  # type: ignore[misc]
            stray = [
                r.key
                for r in mine
                if r.status is StepStatus.RUNNING and (r.key, r.attempt) not in held
            ]
            assert not stray, f"{process.name} owns what it does not hold: {stray}"
        present = self.store.read(workers.present)
        assert all(not self.by_name[row.id].dead for row in present), "the dead are found"

    def help(self) -> None:
        """Everybody does what he can."""
        self.somebody_releases_it()
        self.allowed(lambda: self.client.engine.resume_agents(["narrow"], By("chance")))
        while len(self.staying) < 2:
            self.a_worker_is_born()
        self.somebody_answers()
        for run_id in self.open_runs():
            self.allowed(partial(self.client.engine.resume, run_id))
        for process in self.living:
            process.listen()
            process.speak()
        self.the_exchange_answers()
        while self.exchange.boxes[STRANGER]:
            self.a_stranger_answers()
        for _ in range(50):
            if not self.messages:
                break
            self.a_message_arrives()
        while any(True for process in self.living for _ in process.claimed):
            self.an_attempt_ends()
        self.check()

    def open_runs(self) -> list[str]:
        return self.runs(*(each for each in RunStatus if not each.ended))

    def all_is_done(self) -> bool:
        quiet = self.exchange.is_empty and self.store.read(outbox.is_empty)
        return quiet and not self.open_runs()

    def check_told(self) -> None:
        """Every command that RabbitMQ took has its run or its dead letter, and its end was told."""
        self.everybody_hears()
        taken = set(self.store.read(lambda s: s.all("SELECT sender, key FROM commands")))
        refused = set(
            self.store.read(lambda s: s.all("SELECT sender, message_id FROM dead_letters"))
        )
        assert self.witness.asked <= taken | refused, "no command is lost"
        rows = self.store.read(
            lambda s: s.all("SELECT id, status FROM runs WHERE requester IS NOT NULL")
        )
        for run_id, status in rows:
            told = self.witness.told[run_id]
            assert told, f"the requester of {run_id} was told nothing"
            *_, last = (each for each in told if not is_acknowledgement(each))
            assert is_final(last), f"{run_id}: final last"
            assert last["payload"]["status"] == status, f"{run_id}: the end as it was"


def raise_(error: BaseException) -> None:
    raise error


def crash() -> None:
    raise CrashError
