"""The emergency stop: nothing new begins and all work is cancelled, until a person releases it.

A stop is written before any message tells of it. From then on every admission, claim and approval
reads it in its own transaction. Any process cancels the runs, in batches; workers acknowledge with
their beat, outside agents by an answer. Workflows of the system go on.
"""

import re
from collections.abc import Sequence
from functools import partial
from json import dumps

from orchestration.decide import facts
from orchestration.engine import alerts, speech
from orchestration.engine.advance import advance
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import StateError, StoppedError
from orchestration.messages import ORCHESTRATORS, Envelope
from orchestration.store import (
    agents,
    audit,
    configuration,
    control,
    events,
    queues,
    runs,
    sending,
    steps,
    stops,
    workers,
)
from orchestration.store.alerts import AlertKind
from orchestration.store.workers import WorkerRow

BATCH = 25
LONGEST_VALUE = 60
FLEET = "fleet"
ORDER = re.compile(r"stop:(?P<store>[^:]+):(?P<epoch>\d{1,9}):(?P<agent>.+)")


def stop(tx: Transaction, by: By) -> int:
    """Begin a stop unless one holds; return the number of the stop that holds then."""
    audit.add(tx.session, tx.now, str(by), "emergency_stop", FLEET)
    if stops.is_stopped(tx.session):
        return stops.epoch(tx.session)
    epoch = stops.add(tx.session, by.actor, by.reason, tx.now)
    events.add(tx.session, "", tx.now, "emergency.stopped", detail=str(by))
    message = f"emergency stop by {by}: nothing begins until `orchestrate emergency release`"
    if goes_by := configured(tx):
        message += f"; the configuration stays as it is: {goes_by}"
    alerts.alert(tx, AlertKind.EMERGENCY_STOP, FLEET, message, cooldown=alerts.AT_ONCE)
    for worker in workers.present(tx.session):
        stops.ask(tx.session, epoch, stops.WORKER, worker.id, f"{worker.host}:{worker.pid}")
    if control.transport(tx.session) not in (None, control.EMBEDDED):
        for agent in outside_agents(tx):
            stops.ask(tx.session, epoch, stops.AGENT, agent, agent)
            speech.stop(tx, agent, epoch, by.reason)
    return epoch


def configured(tx: Transaction) -> str:
    """The fleet's configuration on one line, long values cut short; empty: nothing is set."""
    found = configuration.everything(tx.session)
    return ", ".join(f"{each.name} = {dumps(each.value)[:LONGEST_VALUE]}" for each in found)


def outside_agents(tx: Transaction) -> list[str]:
    """The outside agents: named in the settings, holding an attempt, or heard lately."""
    served = {queue for worker in workers.present(tx.session) for queue in served_by(worker)}
    heard = set(agents.heard_since(tx.session, tx.now - tx.rules.silence)) - served
    working = steps.holders(tx.session)
    return sorted(heard.union(working, tx.rules.outside) - ORCHESTRATORS)


def served_by(worker: WorkerRow) -> set[str]:
    """The agents of which a worker offers an action."""
    return {offer.partition(".")[0] for offer in worker.offers}


def clear(tx: Transaction) -> int:
    """Deal with a batch of the runs that a stop has to end; return their number; 0: none is left.

    A run that cannot be cancelled is put aside: `try_again` comes back to it.
    """
    found = runs.to_stop(tx.session, BATCH) if stops.is_stopped(tx.session) else []
    cancel_each(tx, found)
    return len(found)


def try_again(tx: Transaction, after: str) -> str:
    """Deal once more with a batch of the runs that could not be cancelled.

    Args:
        tx: The transaction.
        after: The last run of the batch before; empty: this is the first.

    Returns:
        The last run of this batch; empty: there was none left.
    """
    found = stops.unmoved(tx.session, after)[:BATCH] if stops.is_stopped(tx.session) else []
    cancel_each(tx, found)
    return found[-1] if found else ""


def cancel_each(tx: Transaction, run_ids: Sequence[str]) -> None:
    """Cancel runs, and put aside those that cannot be."""
    stop_now = stops.latest(tx.session)
    reason = f"emergency stop by {stop_now.actor}: {stop_now.reason}" if stop_now else ""
    cancelled: list[str] = []
    for run_id in run_ids:
        what = f"stop of {run_id}"
        put_aside = partial(stops.put_aside, tx.session, run_id)
        tx.contain(run_id, partial(cancel, tx, run_id, reason, cancelled), what, put_aside)
    stops.count_cancelled(tx.session, len(cancelled))


def cancel(tx: Transaction, run_id: str, reason: str, cancelled: list[str]) -> None:
    """Cancel one run, and list it."""
    runs.set_reason(tx.session, run_id, reason)
    advance(tx, run_id, facts.CancelRequested())
    stops.answer(tx.session, stops.epoch(tx.session), run_id, tx.now)
    cancelled.append(run_id)


def release(tx: Transaction, by: By) -> int:
    """Allow work again, and return the number of the stop that is over; undo goes on.

    Runs that could not be cancelled go on as well; everybody is alerted of them.

    Raises:
        StateError: No stop holds, or it still has runs to cancel.
    """
    if not stops.is_stopped(tx.session):
        raise StateError("no emergency stop holds: there is nothing to release")
    if left := runs.to_stop(tx.session, BATCH):
        raise StateError(
            f"the emergency stop still has to cancel {', '.join(left)}:"
            " repeat the release once it has"
        )
    if (over := stops.latest(tx.session)) is not None:
        who = By(over.actor, over.reason)
        told = f"emergency stop by {who}: released by {by}, work goes on"
        if unmoved := stops.unmoved(tx.session):
            told += f"; what could not be cancelled does, too: {listed(unmoved)}"
        for_all = alerts.correct(tx, AlertKind.EMERGENCY_STOP, FLEET, told)
        if unmoved and not for_all:  # some take it that all work was cancelled
            alerts.alert(tx, AlertKind.EMERGENCY_STOP, FLEET, told, cooldown=alerts.AT_ONCE)
    stops.release(tx.session, by.actor, tx.now)
    audit.add(tx.session, tx.now, str(by), "emergency_release", FLEET)
    events.add(tx.session, "", tx.now, "emergency.released", detail=str(by))
    tx.slot_freed = True
    tx.queues.update(queues.ready(tx.session))
    sending.resend(tx.session, tx.now)  # while claims were refused, resends became rare
    return stops.epoch(tx.session)


def listed(run_ids: Sequence[str]) -> str:
    """The first of some runs by id, and how many there are besides."""
    more = len(run_ids) - BATCH
    return ", ".join(run_ids[:BATCH]) + (f" and {more} more" if more > 0 else "")


def acknowledge(tx: Transaction, worker: str) -> None:
    """Write that a worker has seen the stop, once no run is left that can be cancelled."""
    if stops.is_stopped(tx.session) and not runs.to_stop(tx.session, 1):
        stops.answer(tx.session, stops.epoch(tx.session), worker, tx.now)


def answered(tx: Transaction, envelope: Envelope) -> bool:
    """Write an agent's acknowledgement; False if this is no answer to a stop."""
    named = envelope.payload.get("command_id") or envelope.correlation_id
    match = ORDER.fullmatch(named) if isinstance(named, str) else None
    if match is None or match["agent"] != envelope.sender:
        return False
    if match["store"] != control.own_id(tx.session):
        return False  # of another store on this vhost, or of this one before a restore
    if tx.admits(envelope.sender):
        agents.beat(tx.session, envelope.sender, None, None, tx.now)
    stops.answer(tx.session, int(match["epoch"]), envelope.sender, tx.now)
    return True


def check(tx: Transaction, what: str) -> None:
    """Refuse an operation while an emergency stop holds.

    Raises:
        StoppedError: A stop holds.
    """
    if stops.is_stopped(tx.session):
        found = stops.latest(tx.session)
        who = f" by {found.actor} ({found.reason})" if found else ""
        raise StoppedError(
            f"{what}: an emergency stop{who} holds, nothing new begins until"
            " `orchestrate emergency release`"
        )


def forbids(tx: Transaction, run_id: str) -> bool:
    """Whether an emergency stop keeps a run from going on; runs of the system go on."""
    return stops.is_stopped(tx.session) and not runs.is_system(tx.session, run_id)
