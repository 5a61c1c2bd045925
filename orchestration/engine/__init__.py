"""The engine: every change of a run is one of these, and each is one transaction (`seam`)."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from orchestration.context import storable_json
from orchestration.definitions import App
from orchestration.engine import (
    answers,
    claim,
    control,
    emergency,
    fork,
    membership,
    pauses,
    results,
    revival,
    submit,
    sweep,
)
from orchestration.engine.by import By
from orchestration.engine.claim import Claim, Report, TakeOn
from orchestration.engine.fork import Proposal
from orchestration.engine.seam import Seam
from orchestration.engine.submit import Command
from orchestration.engine.transaction import Rules, Transaction
from orchestration.engine.yields import NOTHING, Value, Yield
from orchestration.ports import Dispatch
from orchestration.state import RunStatus
from orchestration.store import counting, retention, shared, traces
from orchestration.store.revival import Replaced
from orchestration.store.steps import Held, Key
from orchestration.store.workers import NewWorker, WorkerRow
from orchestration.traces import tracer

__all__ = [
    "By", "Claim", "Command", "Engine", "Held", "Key", "Report", "Rules", "Transaction",
    "Value", "Yield",
]  # fmt: skip

NO_ONE = By("orchestration")


class Engine(Seam):
    """All that can be done to runs, over one store."""

    def submit(self, command: Command) -> str:
        """Start a run, or find the one that the same command started.

        Raises:
            DuplicateCommandError: The key was used for another command.
            OverloadedError: The sender has too many pending runs.
            InDoubtError: It is not known whether it has begun.
        """
        return self.begin(lambda tx: submit.submit(tx, command))

    def claim(self, message: Dispatch) -> Claim | None:
        """Claim an attempt; None if it can no longer be claimed."""
        return self.commit(lambda tx: claim.claim(tx, message))

    def complete(
        self,
        key: Key,
        attempt: int,
        value: Any,
        also: Yield = NOTHING,
        take_on: TakeOn | None = None,
    ) -> bool:
        """Write a result and what else was yielded; False, and none of it, if the claim was lost.

        A result too large for a row is written ahead, in short transactions.

        Args:
            key: The branch.
            attempt: The attempt that was claimed.
            value: Its result.
            also: What it yields besides.
            take_on: Given if the caller would go on at once: see `claim.complete`.

        Raises:
            ValueError: The result is not JSON.
        """

        def put(name: str, piece: tuple[int, bytes]) -> None:
            self.commit(partial(claim.keep, key=key, attempt=attempt, name=name, piece=piece))

        result = results.keep(results.encoded(value), put)
        return self.commit(lambda tx: claim.complete(tx, key, attempt, result, also, take_on))

    def fail(self, key: Key, attempt: int, error: Mapping[str, Any], *, retryable: bool) -> bool:
        """Write that an attempt raised; False if the claim was lost."""
        text = storable_json(json.dumps(error))
        return self.commit(lambda tx: claim.fail(tx, key, attempt, text, retryable=retryable))

    def give_up(self, key: Key, attempt: int) -> None:
        """Write that an attempt whose claim was lost has stopped."""
        self.commit(lambda tx: claim.give_up(tx, key, attempt))

    def report(self, reports: Sequence[Report]) -> list[Held]:
        """Write live progress; return the attempts that have lost their claim."""
        return self.commit(lambda tx: claim.report(tx, list(reports)))

    def update_shared(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Replace a value that every process sees; see `Context.shared`."""
        return self.commit(lambda tx: shared.update(tx.session, key, change, tx.now))

    def join(self, worker: NewWorker, app: App, dead: frozenset[str] = frozenset()) -> None:
        """Register a worker, and send the branches that wait for it.

        Args:
            worker: How it is registered.
            app: Its agents.
            dead: Workers that are still listed, but beyond doubt dead.

        Raises:
            StoreInUseError: Live workers use this store with another transport.
        """
        self.commit(lambda tx: membership.join(tx, worker, app, dead))

    def beat(
        self,
        worker: NewWorker,
        held: Callable[[], frozenset[Held]],
        metrics: Mapping[str, Any],
    ) -> bool:
        """Show that a worker lives; False if it was declared dead and must end.

        Args:
            worker: How it is registered.
            held: Yields every attempt that it holds, or is about to claim.
            metrics: For its agents' heartbeats; empty: no heartbeat is due.
        """
        return self.commit(lambda tx: membership.beat(tx, worker, held, metrics))

    def drain(self, worker: str) -> None:
        """Send a worker nothing new: it is going to depart in good order."""
        self.commit(lambda tx: membership.drain(tx, worker))

    def depart(self, worker: str) -> None:
        """Write that a worker departed in good order, holding nothing."""
        self.commit(lambda tx: membership.depart(tx, worker))

    def take_over_dead(self, worker: WorkerRow) -> int:
        """Move on the branches that a dead worker left; return their number."""
        return self.commit(lambda tx: sweep.take_over(tx, worker, dead=True))

    def take_over_silent(self, worker: WorkerRow) -> int:
        """Move on the branches of a worker that is silent, perhaps alive; return their number."""
        return self.commit(lambda tx: sweep.take_over(tx, worker, dead=False))

    def note_still(self, stillness: Sequence[tuple[WorkerRow, float]]) -> None:
        """Write for how many seconds workers have not beaten since their rows were read."""
        self.commit(lambda tx: membership.note_still(tx, stillness))

    def fire_timers(self) -> int:
        """Fire every timer that is due; return how many."""
        fired = 0
        while batch := self.commit(sweep.fire_timers):
            fired += batch
            if batch < sweep.BATCH:
                break
        return fired

    def refill(self) -> None:
        """Start the runs and send the branches for which there is room."""
        self.commit(sweep.refill)

    def count_events(self) -> int:
        """Count a batch of events, read outside of the lock, for the metrics; return its size."""
        found = self.store.read(counting.look)
        if found.upto == found.after:
            return 0
        counted = self.commit(lambda tx: counting.write(tx.session, found))
        if counted and tracer().on:
            for trace, run in self.store.read(lambda s: traces.ended(s, found.after, found.upto)):
                tracer().ended(trace, run)
        return counted

    def forget(self, age: timedelta, keep: int) -> int:
        """Delete a small batch of what is older than `age`, or beyond the newest `keep` rows."""
        self.count_events()
        since = self.clock.now() - age
        kept = self.store.read(lambda s: retention.keep(s, since, keep))
        return self.commit(lambda tx: sweep.forget(tx, kept))

    def cancel(self, run_id: str, by: By = NO_ONE) -> RunStatus:
        """End a run; see `control.cancel`."""
        return self.commit(lambda tx: control.cancel(tx, run_id, by))

    def pause(self, run_id: str, by: By = NO_ONE) -> RunStatus:
        """Start nothing new in a run; see `control.pause`."""
        return self.commit(lambda tx: control.pause(tx, run_id, by))

    def resume(self, run_id: str, by: By = NO_ONE) -> RunStatus:
        """Let a paused run go on; see `control.resume`."""
        return self.commit(lambda tx: control.resume(tx, run_id, by))

    def retry(self, run_id: str, by: By = NO_ONE) -> RunStatus:
        """Let an ended run go on from its failed steps; see `control.retry`."""
        return self.commit(lambda tx: control.retry(tx, run_id, by))

    def fork(self, proposal: Proposal, by: By = NO_ONE) -> str:
        """Start a run that takes over results of an ended one; see `fork.fork`."""
        return self.begin(lambda tx: fork.fork(tx, proposal, by))

    def shown(self, run_id: str, step: str) -> str:
        """The fingerprint that an approval needs now; see `answers.shown`."""
        return self.store.read(lambda s: answers.shown(s, run_id, step))

    def approve(self, run_id: str, step: str, shown: str, by: By = NO_ONE) -> RunStatus:
        """Approve a step that waits for a person, as it was shown; see `answers.approve`."""
        return self.commit(lambda tx: answers.approve(tx, run_id, step, shown, by))

    def reject(self, run_id: str, step: str, by: By = NO_ONE) -> RunStatus:
        """Reject a step that waits for a person; see `answers.reject`."""
        return self.commit(lambda tx: answers.reject(tx, run_id, step, by))

    def pause_agents(self, names: Sequence[str], by: By = NO_ONE) -> None:
        """Send nothing to some agents; see `pauses.pause`."""
        self.commit(lambda tx: pauses.pause(tx, names, by))

    def resume_agents(self, names: Sequence[str], by: By = NO_ONE) -> dict[str, list[str]]:
        """Send what waits for some agents, whoever paused them; see `pauses.resume`."""
        return self.commit(lambda tx: pauses.resume(tx, names, by))

    def withdraw_pause(self, names: Sequence[str], by: By) -> None:
        """End only the actor's own pauses; see `pauses.withdraw`."""
        self.commit(lambda tx: pauses.withdraw(tx, names, by))

    def stop_everything(self, by: By) -> int:
        """Begin an emergency stop, and cancel all work; return the number of the stop."""
        epoch = self.commit(lambda tx: emergency.stop(tx, by))
        self.clear_stopped()
        return epoch

    def clear_stopped(self) -> None:
        """Cancel the runs that the current emergency stop has not cancelled yet."""
        while self.commit(emergency.clear):
            pass
        last = ""
        while last := self.commit(partial(emergency.try_again, after=last)):
            pass

    def release(self, by: By) -> int:
        """End the current emergency stop; see `emergency.release`."""
        self.clear_stopped()
        return self.commit(lambda tx: emergency.release(tx, by))

    def revive(
        self, store_id: str, place: str, by: By = NO_ONE, replaced: Replaced = revival.NOTHING
    ) -> revival.Revived:
        """Take into use a store that was restored from a backup; see `revival.revive`."""
        return self.commit(lambda tx: revival.revive(tx, store_id, place, by, replaced))
