"""A command as the agent that works on it sees it."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from orchestration.bus.given import (
    GivenConfiguration,
    GivenResults,
    configuration_in,
    results_in,
)
from orchestration.messages import AGENT_NAME, Envelope

log = logging.getLogger("rabbitmq_orchestration")

Tell = Callable[["Command", float, str], None]
Place = tuple[str, str]

CLOCKS_DIFFER_BY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Command:
    """One command for an agent.

    Attributes:
        id: The id of the message; an answer carries it as `correlation_id`.
        name: The command's name.
        parameters: Its parameters.
        sender: The agent that asks, and gets the answer.
        workflow_id: The run that it is a step of; None: it belongs to none.
        step: The step of that run.
        item: The item of this branch, where the step fans out.
        attempt: 1 for the first attempt, and one more for each retry.
        idempotency_key: The same for every attempt: for effects in outside services.
        deadline: ISO 8601; a later answer changes nothing, and long after it nothing is begun.
        results: Results of the steps that it builds on, by name.
        configuration: The fleet's configuration; a value set here is set with the answer.
    """

    id: str
    name: str
    parameters: dict[str, Any]
    sender: str
    workflow_id: str | None = None
    step: str | None = None
    item: Any = None
    attempt: int = 1
    idempotency_key: str | None = None
    deadline: str | None = None
    results: Mapping[str, Any] = field(default_factory=lambda: GivenResults({}), repr=False)
    configuration: GivenConfiguration = field(
        default_factory=lambda: GivenConfiguration({}), repr=False, compare=False
    )
    _tell: Tell = field(default=lambda *_: None, repr=False, compare=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    @property
    def subject(self) -> dict[str, Any]:
        """The fields that identify this command in log lines."""
        found = {"workflow_id": self.workflow_id, "step": self.step}
        return {**found, "attempt": self.attempt, "correlation_id": self.id}

    @override
    def __str__(self) -> str:
        return self.name

    @property
    def cancelled(self) -> bool:
        """Whether the command is cancelled: a plain function should read this now and then."""
        return self._cancelled.is_set()

    def progress(self, fraction: float, message: str = "") -> None:
        """Report progress; may be called from any thread, and never waits.

        Args:
            fraction: How much is done, 0 to 1.
            message: One line for people.
        """
        self._tell(self, min(max(float(fraction), 0.0), 1.0), message)

    def cancel(self) -> None:
        """Let the handler see that the command is cancelled."""
        self._cancelled.set()


def command_of(envelope: Envelope, tell: Tell) -> Command:
    """The command in a message; fields of a wrong type are left out.

    Args:
        envelope: A message of type `command`.
        tell: Sends progress.
    """
    payload = envelope.payload
    parameters = payload.get("parameters")
    attempt = payload.get("attempt")
    return Command(
        id=envelope.id,
        name=str(payload.get("command", payload.get("command_type", ""))),
        parameters=parameters if isinstance(parameters, dict) else {},
        sender=answer_to(envelope),
        workflow_id=text(payload, "workflow_id"),
        step=text(payload, "step"),
        item=payload.get("item"),
        attempt=attempt if isinstance(attempt, int) else 1,
        idempotency_key=text(payload, "idempotency_key"),
        deadline=text(payload, "deadline"),
        results=results_in(payload),
        configuration=configuration_in(payload),
        _tell=tell,
    )


def answer_to(envelope: Envelope) -> str:
    """The agent that gets the answer: `reply_to`, if that can be routed, or else the sender."""
    wanted = envelope.reply_to
    if not wanted:
        return envelope.sender
    if not AGENT_NAME.fullmatch(wanted):
        log.warning(
            "command %s of %s: reply_to %r is no name: answering its sender",
            *(envelope.id, envelope.sender, wanted),
        )
        return envelope.sender
    return wanted


def text(payload: Mapping[str, Any], name: str) -> str | None:
    """A field, if it is a text."""
    value = payload.get(name)
    return value if isinstance(value, str) else None


Handler = Callable[[Command, dict[str, Any]], Any]


async def called(handler: Handler, command: Command) -> Any:
    """Call a handler, and return its value; a plain function runs in a thread."""
    if inspect.iscoroutinefunction(handler):
        return await handler(command, command.parameters)
    found = await asyncio.to_thread(handler, command, command.parameters)
    return await found if inspect.isawaitable(found) else found


def is_overdue(command: Command, now: datetime) -> bool:
    """Whether its deadline has passed, by more than the clocks of two machines differ."""
    try:
        deadline = datetime.fromisoformat(command.deadline or "")
    except ValueError:
        return False
    if deadline.tzinfo is None:
        deadline = deadline.replace(tzinfo=UTC)
    return now - deadline > CLOCKS_DIFFER_BY


def too_late(command: Command) -> dict[str, Any]:
    """The answer to a command that came after its deadline."""
    error = f"its deadline, {command.deadline}, has passed: nothing was done"
    return {"status": "failed", "error": error}


def place_of(command: Command) -> Place:
    """The key that tells a command from others at work."""
    return command.sender, command.id
