"""The emergency stop: whether it holds, what it ended, what may still act, what acknowledged it."""

from typing import Any

from orchestration.ports import Session
from orchestration.store import attempts, configuration, runs, steps, stops, workers
from orchestration.store.stops import Answer, Stop
from orchestration.views.times import iso
from orchestration.views.workflow import named

MOST_ACTING = 100


def status(session: Session) -> dict[str, Any]:
    """The last stop as people and programs see it; `stopped` tells whether it holds."""
    found = stops.latest(session)
    if found is None:
        return {"stopped": False, "epoch": 0, "acting": [], "configuration": configured(session)}
    holds = found.released_at is None
    answers = stops.answers(session, found.epoch)
    silent = [each for each in answers if not each.answered_at]
    gone = [each for each in silent if is_gone(session, each)]
    return {
        "stopped": holds,
        "epoch": found.epoch,
        "since": iso(found.at),
        "by": found.actor,
        "reason": found.reason,
        "released_at": iso(found.released_at),
        "released_by": found.released_by,
        "cancelled": found.cancelled,
        "left": len(runs.to_stop(session, 1_000)) if holds else 0,
        "acting": acting(session) if holds else [],
        "acknowledged": [as_json(found, each) for each in answers if each.answered_at],
        "silent": [as_json(found, each) for each in silent if each not in gone],
        "gone": [as_json(found, each) for each in gone],
        "configuration": configured(session),
    }


def acting(session: Session) -> list[dict[str, Any]]:
    """The first attempts that a stop has not seen end: they may still have effects."""
    return [
        {
            "workflow_id": each.run_id,
            "step": each.step,
            "branch": each.branch,
            "name": named(each.step, each.branch, fans_out=each.fans_out),
            "attempt": each.ordinal,
            "agent": each.agent,
            "place": place(session, each.worker),
            "since": iso(each.since),
        }
        for each in attempts.acting_anywhere(session, MOST_ACTING)
    ]


def place(session: Session, worker: str) -> str:
    """Where an attempt is: a host and a process, or an outside agent."""
    if worker.startswith(steps.OUTSIDE):
        return worker.removeprefix(steps.OUTSIDE)
    row = workers.get(session, worker)
    return f"{row.host}:{row.pid}" if row else worker


def configured(session: Session) -> list[dict[str, Any]]:
    """The current configuration, by name: a stop leaves it as it is."""
    found = configuration.everything(session)
    return [{"name": each.name, "value": each.value, "version": each.version} for each in found]


def is_gone(session: Session, answer: Answer) -> bool:
    """Whether an answer is due from a worker that has left: it can acknowledge no more."""
    if answer.kind != stops.WORKER:
        return False
    worker = workers.get(session, answer.name)
    return worker is None or worker.left_at is not None


def as_json(stop: Stop, answer: Answer) -> dict[str, Any]:
    """A worker or agent that was told of the stop, and how soon it acknowledged."""
    found: dict[str, Any] = {"name": answer.name, "kind": answer.kind, "place": answer.place}
    if answer.answered_at is not None:
        found["after_seconds"] = round((answer.answered_at - stop.at).total_seconds(), 3)
    return found
