"""Recent failures, grouped by what they have in common: step, error type and release."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store import outcomes
from orchestration.store.outcomes import FailedBranch
from orchestration.views import error

MOST = 2_000
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What the failures of a group have in common."""

    command: str
    step: str
    error: str
    release: str


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one kind.

    Attributes:
        message: The message of the newest failure.
        count: How many branches failed.
        runs: Their runs that are still failed, newest first: these can be retried.
    """

    kind: Kind
    agent: str
    message: str
    count: int
    last_at: datetime
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failures:
    """Groups, the latest failure first; whether there are more failures than were read."""

    groups: tuple[Group, ...]
    truncated: bool


def failures(session: Session, since: datetime) -> Failures:
    """The newest `MOST` failures since a moment, in groups."""
    found = outcomes.failures(session, since, MOST + 1)
    kinds: dict[Kind, list[FailedBranch]] = {}
    for each in found[:MOST]:
        kinds.setdefault(kind_of(each), []).append(each)
    groups = [grouped(kind, members) for kind, members in kinds.items()]
    groups.sort(key=lambda group: group.last_at, reverse=True)
    return Failures(tuple(groups), len(found) > MOST)


def kind_of(failed: FailedBranch) -> Kind:
    """The kind of a failure."""
    return Kind(failed.command, failed.step, type_of(failed.error), failed.release or UNKNOWN)


def grouped(kind: Kind, members: Sequence[FailedBranch]) -> Group:
    """Failures of one kind, which come newest first."""
    retryable = [each.run_id for each in members if each.run_status == RunStatus.FAILED]
    return Group(
        kind=kind,
        agent=members[0].agent,
        message=message_of(members[0].error),
        count=len(members),
        last_at=members[0].ended_at,
        runs=tuple(dict.fromkeys(retryable)),
    )


@lru_cache(maxsize=MOST)
def type_of(kept: str | None) -> str:
    """The type of a stored error."""
    try:
        found = json.loads(kept or "")
    except ValueError:
        return UNKNOWN
    return str(found.get("type") or UNKNOWN) if isinstance(found, dict) else UNKNOWN


def message_of(kept: str | None) -> str:
    """The message of a stored error, without its type."""
    line = error.one_line(kept) or "no message"
    return line.removeprefix(f"{type_of(kept)}: ")
