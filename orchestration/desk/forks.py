"""New runs that take over the finished results of ended ones: proposed first, then made."""

from typing import Any

from orchestration.desk.changes import RETRYABLE
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.fork import Fork
from orchestration.state import RunStatus
from orchestration.store import runs

FORKABLE = (*RETRYABLE, RunStatus.COMPLETED)


def as_row(proposal: Fork) -> dict[str, Any]:
    """What a fork would do, for people."""
    again = proposal.reuse.again.items()
    return {
        "id": proposal.old,
        "reused": list(proposal.reuse.reused),
        "runs_again": [f"{step} ({reason})" for step, reason in again],
        "edited": list(proposal.edited),
    }


def made_of(engine: Engine, proposal: Fork, by: By) -> dict[str, Any]:
    """Make a fork, and tell of it."""
    new = engine.fork(proposal, by)
    status = engine.store.read(lambda s: runs.status(s, new))
    return {**as_row(proposal), "id": new, "forked_from": proposal.old, "status": status.value}
