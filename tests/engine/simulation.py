"""The real engine among workers that die, messages that get lost and answers that come late.

Everything is drawn from one seed. What must hold is checked against a witness outside the store.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from orchestration.engine import Claim, Key
from orchestration.engine.by import By
from orchestration.engine.emergency import stop
from orchestration.errors import NotFoundError, StateError, StoppedError, StoreError
from orchestration.plans import UNDO, Retry
from orchestration.ports import Session, Store
from orchestration.state import OPEN, RunStatus, StepStatus
from orchestration.store import (
    attempts,
    configuration,
    control,
    queues,
    runs,
    starts,
    stops,
    workers,
)
from orchestration.store.outcome import outcome_of
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, Worker, app_of, step, workflow
from tests.store.rows import counted

T = TypeVar("T")
R, S = RunStatus, StepStatus
SLOTS, LIMIT, RATE = 3, 2, 6
RETRY = Retry(attempts=3, delay=5 * SECOND)

FLOWS = [
    workflow("chain", step("a", retry=RETRY), step("b", "a", retry=RETRY), step("c", "b")),
    workflow(
        "diamond",
        step("left", retry=RETRY),
        step("right", agent="narrow", required=False),
        step("join", "left", "right", retry=RETRY),
        step("pay", "join", approval=HOUR, undo="unpay", configures=["payer"]),
    ),
    workflow(
        "trip",
        step("book", undo="unbook", retry=RETRY),
        step("rooms", "book", for_each="parameters.items", undo="unrooms", timeout=MINUTE),
        step("guide", "book", agent="narrow", undo="unguide", when="parameters.wanted"),
        step("leave", "rooms", "guide", retry=RETRY),
    ),
    workflow(
        "check",
        step("ask", agent=["warehouse", "narrow"], required=False, start_within=5 * SECOND),
        system=True,
    ),
]
AGENTS: dict[str, dict[str, Any]] = {
    "limits": {"narrow": LIMIT},
    "rates": {"narrow": f"{RATE}/minute"},
}


class FaultyStore:
    """A store that fails now and then, before the commit or after it."""

    def __init__(self, store: Store, random: Random) -> None:
        self.read, self.writer_for, self.close = store.read, store.writer_for, store.close
        self.disk_use = store.disk_use
        self._store = store
        self.random = random
        self.faults = 0.0

    def write(self, operation: Callable[[Session], T]) -> T:
        drawn = self.random.random()
        if drawn < self.faults:
            raise StoreError("nothing was written")
        value = self._store.write(operation)
        if drawn < 2 * self.faults:
            raise StoreError("it was written, but nobody knows")
        return value

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        return [outcome_of(lambda o=each: self.write(o)) for each in operations]  # type: ignore[misc]


@dataclass
class Witness:
    """What has been seen from outside."""

    keys: dict[str, str] = field(default_factory=dict)
    claimed: set[tuple[Key, int]] = field(default_factory=set)
    completed: dict[Key, int] = field(default_factory=dict)
    undone: list[Key] = field(default_factory=list)
    ended: dict[tuple[str, int], RunStatus] = field(default_factory=dict)
    progress: dict[str, float] = field(default_factory=dict)
    payers: set[str] = field(default_factory=set)

    def put_back(self, saved: "Witness") -> None:
        """Know what a backup knows, but for the attempts: no number is ever given twice."""
        kept = self.claimed
        vars(self).update(vars(deepcopy(saved)))
        self.claimed = kept


@dataclass
class Backup:
    """The store of a moment, and what had been seen by then."""

    rows: sqlite3.Connection
    seen: Witness


class Simulation:
    """One seed."""

    def __init__(self, seed: int, store: Store | None = None) -> None:
        self.random = Random(seed)
        self.memory = None if store else MemoryStore()
        self.store = FaultyStore(store or self.memory or MemoryStore(), self.random)
        self.store.write(lambda s: control.ensure(s, "store"))
        self.fleet = Fleet(self.store, FakeClock(), app_of(*FLOWS, **AGENTS))
        self.client = self.fleet.client = self.fleet.engine("client", slots=SLOTS)
        self.live: list[Worker] = []
        self.dead: list[Worker] = []
        self.ghosts: list[Worker] = []
        self.backup: Backup | None = None
        self.witness = Witness()
        self.born = 0

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def is_tried(self, operation: Callable[[], Any]) -> Any:
        """Do something that a fault may spoil, as a caller who then goes away."""
        try:
            return operation()
        except StoreError:
            return None

    def insist(self, operation: Callable[[], T]) -> T:
        """Do something until it is known to be done, as workers do with results."""
        while True:
            try:
                return operation()
            except StoreError:
                continue

    # What happens.

    def a_command_comes(self) -> None:
        key = f"k{self.random.randrange(12)}"
        flow = FLOWS[hash_of(key) % len(FLOWS)].name
        parameters = {"items": list(range(hash_of(key) % 4)), "wanted": hash_of(key) % 2 == 0}
        stopped = self.stopped()
        try:
            run_id = self.is_tried(lambda: self.fleet.start(flow, parameters, key=key))
        except StoppedError:
            assert stopped, "only a stop forbids"
            return
        if run_id is not None:
            assert self.witness.keys.setdefault(key, run_id) == run_id, "one run a command, ever"

    def a_worker_is_born(self) -> None:
        if len(self.live) < 4:
            self.born += 1
            queues = {"warehouse": 2, "narrow": 2}
            worker = Worker(self.fleet, f"w{self.born}", queues, rules={"slots": SLOTS})
            self.insist(lambda: None if self.knows(worker) else worker.join())
            self.live.append(worker)

    def a_message_arrives(self) -> None:
        messages = self.fleet.transport.messages
        if not messages or not self.live or self.chance(0.1):
            if messages and self.chance(0.5):
                messages.pop(0)  # which is lost
            return
        message = messages.pop(self.random.randrange(min(3, len(messages))))
        if self.chance(0.15):
            messages.append(message)
        worker = self.random.choice(self.live)
        acting, held_up = self.acting(message.run_id), self.is_held_up(message.run_id)
        if claim := self.is_tried(lambda: worker.engine.claim(message)):
            worker.held[claim.key, claim.attempt] = claim
            assert not held_up, "no claim after a stop"
            self.note_claim(claim, acting)

    def an_attempt_ends(self) -> None:
        if found := self.any_attempt():
            worker, claim = found
            works = claim.key[1].startswith(UNDO) or self.chance(0.85)
            payer = claim.key[0] if works and claim.key[1] == "pay" else None
            goes_on = self.chance(0.5)
            done = self.insist(
                lambda: (
                    worker.complete(claim, goes_on=goes_on, payer=payer)
                    if works
                    else worker.fail(claim)
                )
            )
            if payer and done:
                self.witness.payers.add(payer)
            if follower := worker.follow(done=done):
                self.note_claim(follower, self.acting(claim.key[0]))
            if works and done:
                attempt = self.witness.completed.setdefault(claim.key, claim.attempt)
                assert attempt == claim.attempt, "one accepted completion a branch"

    def a_worker_dies(self) -> None:
        if self.live and self.chance(0.4):
            self.dead.append(self.live.pop(self.random.randrange(len(self.live))))

    def a_death_is_found(self) -> None:
        if self.dead:
            worker = self.random.choice(self.dead)
            self.is_tried(worker.die)
            if worker.seen.left_at is not None:
                self.dead.remove(worker)

    def a_worker_seems_silent(self) -> None:
        if self.live:
            self.is_tried(self.random.choice(self.live).fall_silent)

    def a_worker_beats(self) -> None:
        if self.live:
            worker = self.random.choice(self.live)
            self.is_tried(worker.beat)

    def a_worker_goes_in_good_order(self) -> None:
        if self.live and self.chance(0.2):
            worker = self.random.choice(self.live)
            self.insist(lambda: worker.engine.drain(worker.row.id))
            self.live.remove(worker)
            self.dead.append(worker)

    def time_goes_by(self) -> None:
        self.fleet.clock.advance(timedelta(seconds=self.random.choice([0.5, 3, 11, 70])))
        self.is_tried(self.client.fire_timers)

    def somebody_sweeps(self) -> None:
        self.is_tried(self.client.refill)
        self.is_tried(self.client.clear_stopped)

    def somebody_stops_everything(self) -> None:
        if self.chance(0.2):
            self.is_tried(lambda: self.client.commit(lambda tx: stop(tx, By("chance"))))

    def somebody_releases_it(self) -> None:
        if self.stopped():
            self.is_tried(lambda: self.client.release(By("chance")))

    def the_store_is_saved(self) -> None:
        if self.memory is not None and self.chance(0.3):
            rows = sqlite3.connect(":memory:", check_same_thread=False)
            self.memory._connection.backup(rows)  # noqa: SLF001 - as the real one copies a file
            self.forget_backup()
            self.backup = Backup(rows, deepcopy(self.witness))

    def the_store_is_put_back(self) -> None:
        """Whoever was there may still be somewhere, and messages are still under way."""
        if self.memory is None or self.backup is None or not self.chance(0.2):
            return
        self.backup.rows.backup(self.memory._connection)  # noqa: SLF001
        self.witness.put_back(self.backup.seen)
        self.ghosts += [each for each in (*self.live, *self.dead) if each.held]
        self.live, self.dead = [], []
        self.insist(lambda: self.client.revive(f"store{self.born}", "here", By("chance")))
        live = [self.fleet.status(r) for r in self.runs()]
        assert all(each.ended or each is R.PAUSED for each in live), "all that is open is paused"

    def a_ghost_answers(self) -> None:
        """What was claimed before the store was put back is finished afterwards."""
        held = [(ghost, claim) for ghost in self.ghosts for claim in ghost.held.values()]
        if held:
            ghost, claim = self.random.choice(held)
            assert not self.insist(lambda: ghost.complete(claim)), "it changes nothing"
            assert not self.insist(ghost.beat), "and it is told to end"

    def forget_backup(self) -> None:
        if self.backup is not None:
            self.backup.rows.close()

    def an_agent_rests(self) -> None:
        change = self.random.choice([self.client.pause_agents, *[self.client.resume_agents] * 2])
        self.allowed(lambda: change(["narrow"], By("chance")))

    def somebody_intervenes(self) -> None:
        run_id = self.random.choice([*self.runs(), "nobody"])
        verbs = [self.client.cancel, self.client.pause, self.client.retry, self.client.retry]
        verb = self.random.choice([*verbs, *[self.client.resume] * 3])
        self.allowed(lambda: verb(run_id))

    def somebody_answers(self) -> None:
        for run_id in self.runs():
            answer = self.approve if self.chance(0.8) else self.client.reject
            self.allowed(partial(answer, run_id, "pay"))

    def approve(self, run_id: str, step: str) -> None:
        self.client.approve(run_id, step, self.client.shown(run_id, step))

    # Who knows what.

    def allowed(self, operation: Callable[[], Any]) -> None:
        """Do what the state of a run may forbid."""
        with suppress(StateError, NotFoundError, StoppedError):
            self.is_tried(operation)

    def stopped(self) -> bool:
        return bool(self.fleet.read(stops.is_stopped))

    def is_held_up(self, run_id: str) -> bool:
        """Whether an emergency stop keeps a run from going on."""
        return self.stopped() and not self.fleet.read(lambda s: runs.is_system(s, run_id))

    def knows(self, worker: Worker) -> bool:
        return self.fleet.read(lambda s: workers.get(s, worker.row.id)) is not None

    def any_attempt(self) -> tuple[Worker, Claim] | None:
        held = [(worker, claim) for worker in self.live for claim in worker.held.values()]
        return self.random.choice(held) if held else None

    def acting(self, run_id: str) -> set[Key]:
        """Branches on which somebody, silent or not, really works now."""
        every = (claim.key for worker in self.live for claim in worker.held.values())
        return {key for key in every if key[0] == run_id}

    def note_claim(self, claim: Claim, acting: set[Key]) -> None:
        witness = self.witness
        assert (claim.key, claim.attempt) not in witness.claimed, "no attempt number is used twice"
        witness.claimed.add((claim.key, claim.attempt))
        if claim.key[1].startswith(UNDO):
            assert acting <= {claim.key}, "no undo while an attempt may act"
            if claim.key not in witness.undone:
                witness.undone.append(claim.key)

    # What holds after everything that happens.

    def check(self) -> None:
        self.store.read(self.check_runs)
        self.store.read(self.check_steps)
        self.store.read(self.check_configuration)

    def check_configuration(self, session: Session) -> None:
        """Only who completed has configured, and each version follows the one before."""
        found = configuration.history(session, "payer", 1_000)
        assert {each.value for each in found} == self.witness.payers, "configured by completions"
        assert [each.version for each in reversed(found)] == list(range(1, len(found) + 1))

    def check_runs(self, session: Session) -> None:
        assert runs.slots_taken(session) <= SLOTS
        for row in runs.newest(session, 100):
            assert row.progress >= self.witness.progress.get(row.id, 0.0), "progress never falls"
            self.witness.progress[row.id] = row.progress
            if row.status.ended:
                seen = self.witness.ended.setdefault((row.id, row.generation), row.status)
                assert seen is row.status, "ended stays ended"
            if row.status is R.COMPLETED:
                assert row.progress == 1
        for (run_id, generation), status in self.witness.ended.items():
            row = runs.get(session, run_id)
            assert row.generation > generation or row.status is status, "ended stays ended"

    def check_steps(self, session: Session) -> None:
        at_work = queues.look(session, "narrow").running + attempts.acting_for(session, "narrow")
        assert at_work <= LIMIT, "also counting who lost the claim but may still act"
        recent = starts.since(session, "narrow", self.fleet.clock.now() - MINUTE)
        assert len(recent) <= RATE, "no minute holds more starts than the rate allows"
        timed = "status IN ('queued', 'running', 'backoff', 'waiting')"
        assert not session.all(f"SELECT 1 FROM steps WHERE {timed} AND due_at IS NULL")
        assert not session.all("SELECT 1 FROM steps WHERE losses > 3")
        for row in runs.newest(session, 100):
            known = runs.load(session, row.id).tallies
            assert known == counted(session, row.id), "tallies agree with branches"
            is_open = any(OPEN & tally.keys() for tally in known.values())
            assert not (row.status.ended and is_open), "nothing is open in what has ended"
            self.check_completed(session, row.id)

    def check_completed(self, session: Session, run_id: str) -> None:
        """What was accepted stays accepted; undos come in reverse."""
        order = [
            (run_id, name, branch)
            for name, branch in session.all(
                "SELECT step, branch FROM steps WHERE run_id = ? AND status = 'completed'"
                " ORDER BY ended_order DESC",
                run_id,
            )
        ]
        mine = [key for key in self.witness.completed if key[0] == run_id]
        assert set(mine) <= set(order), "what was accepted stays accepted"
        undone = [(k[0], k[1].removeprefix(UNDO), k[2]) for k in self.witness.undone]
        known = [key for key in undone if key in order]
        assert known == [key for key in order if key in known], "undone in reverse"

    def run(self, actions: int) -> None:
        """Let chance have its way for a while, then let everything end."""
        self.store.faults = self.random.choice([0.0, 0.02, 0.1])
        often = [self.a_message_arrives, self.an_attempt_ends]
        some = [self.a_command_comes, self.time_goes_by, self.a_worker_beats, self.somebody_answers]
        rare = [self.a_worker_dies, self.a_death_is_found, self.a_worker_seems_silent]
        rare += [self.a_worker_goes_in_good_order, self.somebody_sweeps, self.somebody_intervenes]
        rare += [self.somebody_stops_everything, self.somebody_releases_it, self.an_agent_rests]
        rare += [self.the_store_is_saved, self.the_store_is_put_back, self.a_ghost_answers]
        for _ in range(actions):
            self.random.choice([*often * 5, *some * 2, self.a_worker_is_born, *rare])()
            self.check()
        self.heal()
        self.forget_backup()
        if self.memory is not None:
            self.memory.close()

    def heal(self) -> None:
        """No more faults, and people who answer: every run must end, and soon."""
        self.store.faults = 0.0
        for _ in range(60):
            self.somebody_releases_it()
            self.allowed(lambda: self.client.resume_agents(["narrow"], By("chance")))
            self.a_worker_is_born()
            for act in (self.a_death_is_found, self.somebody_sweeps, self.somebody_answers):
                act()
            for run_id in self.runs():
                self.allowed(partial(self.client.resume, run_id))
            for worker in self.live:
                worker.beat()
            while self.fleet.transport.messages:
                self.a_message_arrives()
            while any(worker.held for worker in self.live):
                self.an_attempt_ends()
            self.check()
            if not self.dead and all(self.fleet.status(r).ended for r in self.runs()):
                return
            self.time_goes_by()
        raise AssertionError("some runs never end")

    def runs(self) -> list[str]:
        every: list[str] = [row.id for row in self.fleet.read(lambda s: runs.newest(s, 100))]
        return every


def hash_of(key: str) -> int:
    """The same number in every process."""
    return int(key[1:]) * 7 + 3
