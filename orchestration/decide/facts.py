"""What can happen to a run: the facts that a decision is made from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admitted:
    """A slot was free, and the pending run has it now."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What `when` and `for_each` of a step say: whether it runs, in how many branches."""

    step: str
    branches: int
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Unresolvable:
    """A path led nowhere or to something that is no list: the run cannot go on."""

    step: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The owner of a branch's attempt finished it."""

    step: str
    branch: int


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt failed or ran out of time; `failures` counts this one."""

    step: str
    branch: int
    failures: int
    retryable: bool = True


@dataclass(frozen=True, slots=True)
class StartTimedOut:
    """No worker took the branch in time."""

    step: str
    branch: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker of an attempt died or fell silent; `losses` counts this one."""

    step: str
    branch: int
    losses: int


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A worker that ends in good order gave its attempt back."""

    step: str
    branch: int


@dataclass(frozen=True, slots=True)
class BackoffOver:
    """The pause before the next try is over."""

    step: str
    branch: int


@dataclass(frozen=True, slots=True)
class Approved:
    """A person allowed the branch."""

    step: str
    branch: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A person refused the branch, or nobody answered in time."""

    step: str
    branch: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A caller wants the run to end."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The run was running for longer than a workflow may."""


@dataclass(frozen=True, slots=True)
class Condemned:
    """The requester of the run, or an agent at work for it, reported a critical error."""


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """A caller wants the run to start nothing new."""


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """A caller wants the paused run to go on."""


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """A caller wants the ended run to go on from its failed steps."""


@dataclass(frozen=True, slots=True)
class AttemptSettled:
    """An attempt that had lost its claim can no longer act."""


@dataclass(frozen=True, slots=True)
class Settled:
    """No attempt of the run can act any more; `undoable` begins with the next to be undone."""

    undoable: tuple[tuple[str, int], ...]


Fact = (
    Admitted
    | Resolved
    | Unresolvable
    | Completed
    | Failed
    | StartTimedOut
    | Lost
    | HandedOver
    | BackoffOver
    | Approved
    | Rejected
    | CancelRequested
    | DeadlineReached
    | Condemned
    | PauseRequested
    | ResumeRequested
    | RetryRequested
    | AttemptSettled
    | Settled
)
