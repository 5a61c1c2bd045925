"""Writes `docs/states.md`: the state diagrams, drawn from the tables in `orchestration.state`."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from orchestration.state import RUN_TRANSITIONS, STEP_TRANSITIONS, RunStatus, StepStatus

Status = TypeVar("Status", bound=StrEnum)
OPENED = (StepStatus.READY, StepStatus.HELD, StepStatus.WAITING, StepStatus.SKIPPED)
PAGE = Path(__file__).with_name("states.md")

RUNS = {
    RunStatus.PENDING: "accepted and stored; waits for one of the `MAX_CONCURRENT_WORKFLOWS` slots",
    RunStatus.RUNNING: "has a slot; its steps are sent to their agents",
    RunStatus.WAITING: "only a person's approval could move it; its slot is free",
    RunStatus.PAUSED: "a person or a restore stopped it; what is claimed finishes, nothing starts",
    RunStatus.UNDOING: "is going to end; finished steps are undone, latest first",
    RunStatus.COMPLETED: "ended with its result",
    RunStatus.FAILED: "ended without; `retry` goes on from the failed steps",
    RunStatus.CANCELLED: "ended by a person, or because nobody approved in time",
}
STEPS = {
    StepStatus.WAITING: "a person must approve it",
    StepStatus.HELD: "could go, but its run is not running",
    StepStatus.READY: "may be sent as soon as its queue has room",
    StepStatus.QUEUED: "sent; any worker that offers its action may claim it",
    StepStatus.RUNNING: "claimed by one worker; only that worker's result counts",
    StepStatus.BACKOFF: "failed; is tried again after a pause",
    StepStatus.COMPLETED: "finished, with a result",
    StepStatus.FAILED: "out of attempts, or no attempt could help",
    StepStatus.CANCELLED: "its run ended before it did",
    StepStatus.SKIPPED: "its `when` said no",
}


def page() -> str:
    """The whole page."""
    return f"""# States

Drawn from the tables in `orchestration/state.py` by `make docs`; a test compares. A status moves
along an arrow or not at all: any other move raises `IllegalTransitionError`, and its transaction
writes nothing.

## A run

{diagram(RUN_TRANSITIONS, RunStatus.PENDING)}

{legend(RUNS)}

What has ended stays ended, within its generation: `retry` raises the generation, and starts
again at `pending`. After an undo `retry` is refused, and names `fork`.

## A branch of a step

A step has one branch, or one for each item of `for_each`. Its row appears when everything that
the step needs is finished, so there is no status for "not yet".

{diagram(STEP_TRANSITIONS, *OPENED)}

{legend(STEPS)}

Back to `ready` from `running`: its worker died, fell silent, or handed it over. From `queued` a
branch is sent again, as often as need be, without moving.
"""


def diagram(table: Mapping[Status, frozenset[Status]], *first: Status) -> str:
    """A table of transitions as a mermaid diagram."""
    lines = [f"    [*] --> {status}" for status in first]
    for source, targets in table.items():
        lines += [f"    {source} --> {target}" for target in sorted(targets)]
    lines += [f"    {source} --> [*]" for source, targets in table.items() if not targets]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def legend(meanings: Mapping[Status, str]) -> str:
    """What each status means, as a table."""
    rows = [f"| `{status}` | {meaning} |" for status, meaning in meanings.items()]
    return "\n".join(["| status | means |", "|---|---|", *rows])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
