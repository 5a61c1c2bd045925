"""New runs that take over the finished results of ended ones: proposed first, then made."""

from typing import Any, NamedTuple

from orchestration.desk.changes import RETRYABLE
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.fork import Proposal
from orchestration.state import RunStatus
from orchestration.store import runs

FORKABLE = (*RETRYABLE, RunStatus.COMPLETED)


class Made(NamedTuple):
    """A fork that was made."""

    run_id: str
    status: RunStatus


def make(engine: Engine, proposal: Proposal, by: By) -> Made:
    """Make a fork."""
    new = engine.fork(proposal, by)
    return Made(new, engine.store.read(lambda s: runs.status(s, new)))


def as_json(proposal: Proposal, made: Made | None = None) -> dict[str, Any]:
    """What a fork would do, or has done, as people and programs see it."""
    again = proposal.reuse.again.items()
    return {
        "id": made.run_id if made else None,
        "forked_from": proposal.old,
        "status": made.status.value if made else None,
        "reused": list(proposal.reuse.reused),
        "runs_again": [f"{step} ({reason})" for step, reason in again],
        "edited": list(proposal.edited),
    }
