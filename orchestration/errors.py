"""Every error of this package. Each says what to do next; details are attributes, not prose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from typing_extensions import override


class OrchestrationError(Exception):
    """The root: catch this to catch everything that orchestration raises on purpose."""

    def as_value(self) -> Self:
        """This error without its traceback, whose frames would keep their variables alive."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class DefinitionError(OrchestrationError):
    """A workflow, step or agent is declared wrongly: correct the declaration and start again."""


class ConfigurationError(OrchestrationError):
    """A setting is missing or wrong: correct the environment and start again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the parameters of a command.

    Attributes:
        path: The parameter, and perhaps a place within it; empty: it is about no single one.
        text: What is wrong.
        given: The value that was given there, cut if long; empty: it is of no interest.
    """

    path: tuple[str | int, ...]
    text: str
    given: str = ""

    @override
    def __str__(self) -> str:
        place = ".".join(map(str, self.path)) or ("parameters" if self.given else "")
        said = f"{place}: {self.text}" if place else self.text
        return f"{said} (got {self.given})" if self.given else said


class RejectedError(OrchestrationError):
    """The input is wrong and will stay wrong: correct it, never retry it as it is.

    Attributes:
        problems: One clear sentence for each thing that is wrong.
        faults: The same as data, if it is known which parameter each is about.
    """

    def __init__(
        self, message: str, problems: Sequence[str] = (), faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or tuple(map(str, faults)) or (message,)
        self.faults = tuple(faults)


class ScheduleError(RejectedError):
    """A schedule is wrong or taken: correct each of its `parts`.

    Attributes:
        parts: What is wrong with its `name`, `cron` or `timezone`.
        others: What is wrong with its command.
    """

    def __init__(self, parts: Mapping[str, str], others: Sequence[RejectedError] = ()) -> None:
        super().__init__(
            "; ".join([*parts.values(), *map(str, others)]),
            [*parts.values(), *(each for other in others for each in other.problems)],
            [each for other in others for each in other.faults],
        )
        self.parts = dict(parts)
        self.others = tuple(others)


class UnknownCommandError(RejectedError):
    """No workflow has this name: pick one of `known`."""

    def __init__(self, command: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown command {command!r}; known commands: {', '.join(sorted(known))}")
        self.command = command
        self.known = tuple(sorted(known))


class DuplicateCommandError(RejectedError):
    """The same idempotency key came with another body: use a new key for a new command."""


class DeadLetterError(RejectedError):
    """The message cannot be used, now or later: keep it as a dead letter, do not requeue it.

    Attributes:
        reason: One word for metrics and listings.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MalformedMessageError(DeadLetterError):
    """The message is no envelope: keep it as a dead letter, do not requeue it.

    Attributes:
        sender: The sender, if it can be read.
        message_id: The message's id, if it can be read.
        answerable: Whether its sender may be told: no error is ever answered with an error.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        sender: str | None = None,
        message_id: str | None = None,
        *,
        answerable: bool = True,
    ) -> None:
        super().__init__(reason, message)
        self.sender = sender
        self.message_id = message_id
        self.answerable = answerable


class OverloadedError(OrchestrationError):
    """Too many runs of this sender are pending: send again after `retry_after` seconds."""

    def __init__(self, sender: str, pending: int, retry_after: float) -> None:
        super().__init__(
            f"pending runs of {sender}: {pending}, the limit; retry after {retry_after:.0f} s"
        )
        self.sender = sender
        self.pending = pending
        self.retry_after = retry_after


class StoppedError(OrchestrationError):
    """An emergency stop holds: repeat it after a person has released it."""


class NotFoundError(OrchestrationError):
    """Nothing has this id or name: list what exists, and use one of those."""


class StateError(OrchestrationError):
    """The run's state does not allow this: its status and the cure are in the message."""


class OwnRunError(OrchestrationError):
    """The person who started a run may not approve or reject it: another person must."""


class IllegalTransitionError(OrchestrationError):
    """A status was about to move against the table: a bug here, please report it."""


class BrokerError(OrchestrationError):
    """RabbitMQ cannot be reached, or refuses us: nothing was sent; cure the cause and repeat."""


class UnreachableError(BrokerError):
    """There is no connection to RabbitMQ: nothing was sent; do what `cure` says and repeat.

    Attributes:
        kind: `refused`, `host`, `silent`, `login`, `vhost`, `certificate` or `protocol`.
        problem: What the server or the system says, in one line.
        cure: What to do, in one line.
    """

    def __init__(self, place: str, kind: str, problem: str, cure: str) -> None:
        super().__init__(f"cannot use RabbitMQ at {place} ({problem}): {cure}")
        self.kind = kind
        self.problem = problem
        self.cure = cure


class UnroutableError(BrokerError):
    """No queue takes the command: start its recipient, and send it again.

    Attributes:
        recipient: The agent that was to get it.
    """

    def __init__(self, recipient: str, problem: str) -> None:
        super().__init__(problem)
        self.recipient = recipient


class OtherStoreError(BrokerError):
    """Live processes on this vhost use another store: share theirs, or use a vhost of your own.

    Attributes:
        ours: This process's store.
        theirs: The store of the other processes.
    """

    def __init__(self, place: str, ours: str, theirs: str) -> None:
        super().__init__(
            f"live processes on {place} use the store {theirs!r}, this one uses {ours!r}: give all"
            " of them the same DATABASE_URL (or ORCHESTRATION_HOME), or each environment a vhost"
        )
        self.ours = ours
        self.theirs = theirs


class ServerError(OrchestrationError):
    """The HTTP server cannot be reached, or fails now: cure the cause and repeat."""


class StoreError(OrchestrationError):
    """The store cannot be used now: nothing was written; cure the cause and repeat."""


class InDoubtError(StoreError):
    """The answer to a commit was lost: look whether it was written before you repeat it."""


class StoreTooNewError(StoreError):
    """The store was migrated by a newer release: run that release."""


class StoreTooOldError(StoreError):
    """The store's schema is older than this release: run `orchestrate migrate`."""


class StoreInUseError(StoreError):
    """Live processes use this store with another transport: stop them, or share their settings."""


class CheckFailedError(OrchestrationError):
    """Something is not as the setup guide promises: the message says what, and what to look at."""


class ConfiguredMeanwhileError(OrchestrationError):
    """A configuration was set by another attempt or a person meanwhile: try the step again."""


class PermanentError(OrchestrationError):
    """Raise this in an action to fail its step at once: no retry could help."""


class NotNeededError(PermanentError):
    """A step reads a result that may not be there by then: declare that it needs that step."""

    def __init__(self, step: str, name: str, reads: Sequence[str]) -> None:
        able = ", ".join(reads) or "none"
        super().__init__(
            f"step {step} reads the result of {name!r}, which it does not need: correct the name"
            f" or add it to `needs`, as it may not have finished by then; {step} may read: {able}"
        )


class WorkflowFailedError(OrchestrationError):
    """The workflow ended without a result: read `problems`, then retry it or start it anew.

    Attributes:
        workflow_id: The run.
        status: `failed` or `cancelled`.
        problems: Its error messages, oldest first.
    """

    def __init__(self, workflow_id: str, status: str, problems: Sequence[str]) -> None:
        super().__init__(f"{workflow_id} {status}: {'; '.join(problems) or 'no message'}")
        self.workflow_id = workflow_id
        self.status = status
        self.problems = tuple(problems)
