"""Changes of several runs at once: which runs are meant, and the outcome for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import (
    BrokerError,
    ConfigurationError,
    OrchestrationError,
    ServerError,
    StateError,
    StoreError,
)
from orchestration.ports import Session
from orchestration.state import ENDED, RunStatus
from orchestration.store import listings, runs
from orchestration.store.listings import Filter
from orchestration.store.runs import RunRow

MOST = 10_000
OF_ALL = (StoreError, BrokerError, ServerError, ConfigurationError)  # hit every later run, too


@dataclass(frozen=True, slots=True)
class Change:
    """One way to change a run.

    Attributes:
        allowed: The statuses in which a run can be changed like this.
        make: Makes the change, and returns the run's status after it.
    """

    name: str
    allowed: tuple[RunStatus, ...]
    make: Callable[[Engine, str, By], RunStatus]


class Changed(NamedTuple):
    """A run after a change."""

    run_id: str
    status: RunStatus


T = TypeVar("T")
Outcome = tuple[list[T], list[OrchestrationError]]  # what was done, and why the rest was not
LIVE = tuple(status for status in RunStatus if status not in ENDED)
PAUSABLE = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING)
RETRYABLE = (RunStatus.FAILED, RunStatus.CANCELLED)
CANCEL = Change("cancel", LIVE, Engine.cancel)
PAUSE = Change("pause", PAUSABLE, Engine.pause)
RESUME = Change("resume", (RunStatus.PAUSED,), Engine.resume)
RETRY = Change("retry", RETRYABLE, Engine.retry)
CHANGES = {each.name: each for each in (CANCEL, PAUSE, RESUME, RETRY)}


def named(session: Session, ids: Sequence[str]) -> list[RunRow]:
    """The runs with the given ids, each once.

    Raises:
        NotFoundError: No run has one of the ids.
    """
    return [runs.get(session, each) for each in dict.fromkeys(ids)]


def found(session: Session, wanted: Filter, allowed: Sequence[RunStatus]) -> list[RunRow]:
    """The runs that match a filter and whose status allows the change."""
    statuses = [each for each in allowed if not wanted.statuses or each in wanted.statuses]
    if not statuses:
        return []
    able = Filter(
        statuses=tuple(statuses), command=wanted.command, since=wanted.since, text=wanted.text
    )
    return listings.page(session, able, MOST)


def refusal(verb: str, run_id: str, status: str, allowed: Sequence[RunStatus]) -> StateError:
    """The error for a run whose status does not allow the change."""
    return StateError(
        f"{run_id} is {status}: there is nothing to {verb};"
        f" that is for runs which are {', '.join(allowed)}"
    )


def make_all(engine: Engine, change: Change, ids: Sequence[str], by: By) -> Outcome[Changed]:
    """Change each run; return the changed ones, and the errors of the others.

    An error that every later run would meet, too, ends the loop.
    """
    changed, refused = list[Changed](), list[OrchestrationError]()
    for run_id in ids:
        try:
            changed.append(Changed(run_id, change.make(engine, run_id, by)))
        except OrchestrationError as error:
            refused.append(error)
            if isinstance(error, OF_ALL):
                break
    return changed, refused


def as_json(changed: Changed) -> dict[str, Any]:
    """A run after a change, as people and programs see it."""
    return {"id": changed.run_id, "status": changed.status.value}
