"""Takes a restored store into use: no run goes on by itself, and old messages are recognised.

Since the backup, attempts were made and answered that the store does not know, and messages about
them may still be under way. So attempts, and with them messages, commands and answers, get numbers
that none ever had; claims are handed back; a person who looked at an approval has to look again.
Every open run is paused: a person decides whether it goes on.
"""

from dataclasses import dataclass
from datetime import datetime

from orchestration.decide import facts
from orchestration.engine import emergency
from orchestration.engine.advance import Outcome, advance
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.state import RunStatus, StepStatus
from orchestration.store import (
    audit,
    control,
    events,
    revival,
    runs,
    steps,
    stops,
    timers,
    tokens,
    workers,
)
from orchestration.store.revival import Replaced

NOTHING = Replaced()


@dataclass(frozen=True, slots=True)
class Revived:
    """What a restore has brought back.

    Attributes:
        epoch: The unique number of this restore.
        saved_at: When the backup was made, if known.
        paused: Runs that wait to be resumed.
        begun: Branches of these runs that were running: they may have had effects.
        schedules: Schedules that wait to be resumed.
        tokens: Tokens that were deleted: some may have been revoked after the backup.
        stop: Who began the emergency stop that holds, and why; from the backup or the old store.
    """

    epoch: int
    saved_at: datetime | None
    paused: tuple[str, ...]
    begun: tuple[str, ...]
    schedules: tuple[str, ...]
    tokens: tuple[str, ...]
    stop: str | None


def revive(
    tx: Transaction, store_id: str, place: str, by: By, replaced: Replaced = NOTHING
) -> Revived:
    """Take a restored store into use, wherever it comes from."""
    saved_at = control.saved_at(tx.session) or stamp(workers.last_beat(tx.session))
    if saved_at is not None:  # first: runs that pause below did not run meanwhile
        timers.shift(tx.session, max(0.0, tx.now.timestamp() - saved_at))
    epoch = revival.next_life(tx.session, tx.now, replaced)
    control.renew(tx.session, store_id, place, epoch)
    revival.renumber(tx.session, epoch)
    found = revival.open_runs(tx.session)
    begun = [step for run_id in found for step in halt(tx, run_id)]
    revival.dismiss_workers(tx.session, tx.now)
    revival.leap(tx.session, epoch)
    revival.withdraw_commands(tx.session)
    schedules = revival.pause_schedules(tx.session)
    gone, stop = tokens.forget_all(tx.session), holding(tx, replaced)
    audit.add(tx.session, tx.now, str(by), "restore", place)
    events.add(tx.session, "", tx.now, "store.restored", detail=str(by))
    since = datetime.fromtimestamp(saved_at, tx.now.tzinfo) if saved_at is not None else None
    return Revived(epoch, since, tuple(found), tuple(begun), tuple(schedules), tuple(gone), stop)


def holding(tx: Transaction, replaced: Replaced) -> str | None:
    """The actor and reason of the emergency stop that holds: only a release ends one."""
    if replaced.stop and not stops.is_stopped(tx.session):
        emergency.stop(tx, By(replaced.stop.actor, replaced.stop.reason))
    stop = stops.latest(tx.session) if stops.is_stopped(tx.session) else None
    return str(By(stop.actor, stop.reason)) if stop else None


def halt(tx: Transaction, run_id: str) -> list[str]:
    """Pause a run and hand back its claimed attempts; return their steps and branches."""
    if runs.load(tx.session, run_id).status is not RunStatus.PAUSED:
        advance(tx, run_id, facts.PauseRequested())
    begun = []
    for row in steps.of_run(tx.session, run_id):
        if row.status is StepStatus.RUNNING:
            fact = facts.HandedOver(row.step, row.branch)
            advance(tx, run_id, fact, Outcome(kind="handed_over", row=row))
            begun.append(f"{run_id}:{row.step}[{row.branch}]")
    return begun


def stamp(moment: datetime | None) -> float | None:
    """A moment in seconds."""
    return None if moment is None else moment.timestamp()
