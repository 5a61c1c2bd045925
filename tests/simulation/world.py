"""The real engine, frame, ingress and notifier, among dying processes and lost messages.

All chance comes from one seed. What must hold is checked against a witness outside the store.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from unittest.mock import patch

import psutil

from orchestration import failpoints
from orchestration.engine import outside, seam
from orchestration.engine.by import By
from orchestration.runtime import door, frame, ingress, schedule
from orchestration.state import RunStatus
from orchestration.store import outbox, schedules, steps
from tests.simulation import coverage, promises
from tests.simulation.fates import LONG_TICKS, Fates
from tests.simulation.flows import STRANGER
from tests.simulation.ground import FEW, Idle, attempt_of
from tests.simulation.people import People
from tests.simulation.restores import Restores
from tests.simulation.witness import is_acknowledgement, is_final

BUG = "a bug was logged, and is hidden from whoever asks: "
LOGS = ("orchestration", "rabbitmq_orchestration")
EVERY = 8
ROUNDS = 100
TURNS = 20
PAUSES_S = (9, 9, 9, 9, 70)  # an outside agent is silent only after 30 s in which one listened
OWNED = "SELECT owner, run_id, step FROM steps WHERE status = 'running'"
PRESENT = "SELECT id FROM workers WHERE left_at IS NULL"
TIMED_OUT = (
    "SELECT ended_at FROM attempts WHERE run_id = ? AND step = ? AND branch = ? AND attempt = ?"
    " AND outcome = 'timed_out'"
)
RESTING = "SELECT 1 FROM agents WHERE paused = 1"


class Simulation(People, Fates, Restores):
    """The simulation of one seed."""

    def check(self, *, fully: bool = False) -> None:
        """Check that every promise is kept."""
        assert not self.broken, self.broken[0]
        self.check_unread()
        changes = self.quick.changes if self.quick else self.faults.writes
        if changes == self._seen and not fully:
            return
        self._seen = changes
        self.store.read(
            lambda s: promises.check_often(s, self.witness, self.slots, self.clock.now())
        )
        self._since_check += 1
        if fully or self._since_check % EVERY == 0:
            self.store.read(lambda s: promises.check_all(s, self.witness))
        assert not self.bugs.found, BUG + self.bugs.found[0]

    def check_unread(self) -> None:
        """Check that no timer ends an attempt whose answer waits where nobody listens.

        Whoever listened until just before the answer counts as a listener for `LAPSE` more.
        """
        self.unread = {each: at for each, at in self.unread.items() if self.exchange.holds(each)}
        lapse_s = outside.LAPSE.total_seconds()
        for named, said in self.unread.items():
            if self.clock.monotonic() - said.monotonic > lapse_s:
                attempt = attempt_of(named)
                ended = self.store.read(lambda s, a=attempt: s.one(TIMED_OUT, *a))  # type: ignore[misc]
                assert not ended or ended[0] - said.at <= lapse_s, f"{named} was answered in time"

    def run(self, actions: int) -> None:
        """Take random actions for a while, then let every run end."""
        with self.at_work():
            self.play(actions)
            self.heal()
            self.check(fully=True)
            self.check_told()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Until the block ends, no real time passes, and all chance comes from the seed."""
        with ExitStack() as stack:
            stack.enter_context(patch.object(frame, "STORE_PAUSE_S", 0.0))
            stack.enter_context(patch.object(seam, "AWAKE_S", 0.0))  # clocks are set in no time
            stack.enter_context(patch.object(ingress, "LINGER_S", 0.0))
            stack.enter_context(patch.object(door, "run_hex", self.hex))
            stack.enter_context(patch.object(schedule, "run_hex", self.hex))
            stack.enter_context(patch.object(psutil, "Process", Idle))
            stack.enter_context(failpoints.listening(self.reach))
            stack.enter_context(coverage.runs_counted(self.moves))
            for log in map(logging.getLogger, LOGS):
                stack.enter_context(patch.object(log, "propagate", False))  # noqa: FBT003
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
        rare += [self.a_worker_goes, *[self.a_scheduler_ticks] * 2, self.somebody_intervenes]
        rare += [self.somebody_stops_everything, self.somebody_releases_it, self.an_agent_rests]
        rare += [self.messages_are_dropped, self.time_goes_by, self.a_worker_is_born]
        rare += [self.the_store_is_saved, self.the_store_is_put_back]
        people = [*[self.somebody_intervenes] * 4, *[self.a_requester_complains] * 3]
        menu = [*often, *[self.a_command_comes] * 2, *some * 2, *rare, *people]
        self.a_worker_is_born()
        for _ in range(actions):
            self.random.choice(menu)()
            self.check()

    def heal(self) -> None:
        """Stop the faults, and let people answer: every run must end, and soon."""
        self.faults.heal()
        self.store.write(lambda s: schedules.pause(s, "often", paused=True, next_at=None))
        while len(self.staying) < 2:
            self.a_worker_is_born()
        left: str | None = "nobody has looked"
        for _ in range(LONG_TICKS):
            if left:
                self.tick()
                left = self.not_taken_over()
        assert not left, left
        for process in self.processes:
            process.paused = False
        for number in range(ROUNDS):
            self.help()
            if self.all_is_done():
                return
            self.suspend(PAUSES_S[number % len(PAUSES_S)])
            self.tick()
        raise AssertionError(f"some never end: {self.open_runs()}")

    def not_taken_over(self) -> str | None:
        """A branch that no worker took over from a dead or silent one; None: there is none."""
        idle = {each.name for each in self.processes if each.lives}
        for owner, run_id, step in self.store.read(lambda s: s.all(OWNED)):
            if owner not in idle and not owner.startswith(steps.OUTSIDE):
                return f"nobody took {step} of {run_id} over from {owner}"
        for process in self.living:
            held = process.frame.held()
            mine = self.store.read(lambda s, p=process: steps.held_by(s, p.name))  # type: ignore[misc]
            if strange := set(mine) - held:
                return f"{process.name} owns {min(strange)} and does not hold it"
        present = self.store.read(lambda s: s.all(PRESENT))
        return next(
            (f"{name} is not found dead" for (name,) in present if self.is_dead(name)), None
        )

    def is_dead(self, name: str) -> bool:
        return self.by_name[name].dead

    def help(self) -> None:
        """Let every process and person do what they can, until all have to wait."""
        self.somebody_releases_it()
        if self.store.read(lambda s: s.one(RESTING)):
            self.allowed(lambda: self.client.engine.resume_agents(["narrow"], By("chance")))
        while len(self.staying) < 2:
            self.a_worker_is_born()
        for run_id in self.runs("paused"):
            self.allowed(partial(self.client.engine.resume, run_id))
        for process in self.living:
            process.listen()
        for _ in range(TURNS):
            moves = self.something_moves()
            self.check()
            if not moves:
                break

    def something_moves(self) -> bool:
        """Let everything happen that can happen at once; return whether there was anything."""
        self.somebody_answers()
        moves = bool(self.messages) or not self.exchange.is_empty
        for _ in range(len(self.messages)):
            self.a_message_arrives()
        while any(True for process in self.living for _ in process.claimed):
            self.an_attempt_ends()
        for process in self.living:
            if not self.exchange.is_empty:
                process.listen()
            if not self.store.read(outbox.is_empty):
                process.speak()
                moves = moves or bool(process.post.under_way)
        self.the_exchange_answers()
        while self.exchange.boxes[STRANGER]:
            self.a_stranger_answers()
        return moves

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
        lost = self.witness.asked - taken - refused
        assert not lost or self.kept == FEW, f"no command is lost: {lost}"  # few letters are kept
        rows = self.store.read(
            lambda s: s.all("SELECT id, status FROM runs WHERE requester IS NOT NULL")
        )
        forgotten = self.witness.forgotten & self.witness.told.keys()
        for run_id, status in [*rows, *((run_id, None) for run_id in sorted(forgotten))]:
            told = self.witness.told[run_id]
            assert told, f"the requester of {run_id} was told nothing"
            *_, last = (each for each in told if not is_acknowledgement(each))
            assert is_final(last), f"{run_id}: final last"
            ended_so = status is None or last["payload"]["status"] == status
            assert ended_so, f"{run_id}: the end as it was"
