"""What an action receives: its inputs, a way to report progress, and an idempotency key."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from logging import Logger, LoggerAdapter
from typing import Any, Protocol

LONGEST_MESSAGE = 500


def storable(text: str) -> str:
    """The text as every store accepts it: without NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def storable_json(text: str) -> str:
    """JSON text in which each half of a character is a question mark: UTF-8 cannot write one."""
    if r"\ud" not in text:
        return text
    plain = json.dumps(json.loads(text), ensure_ascii=False)
    kept = storable(plain)
    return text if kept == plain else json.dumps(json.loads(kept), separators=(",", ":"))


class Fleet(Protocol):
    """The state of the whole fleet, and a way to pause its agents."""

    def status(self) -> dict[str, Any]:
        """Agents, queues, workflows, success rate and uptime."""
        ...

    def emergency(self) -> dict[str, Any]:
        """Whether an emergency stop holds, and who has acknowledged it."""
        ...

    def pause(self, agents: Sequence[str], by: str) -> None:
        """Send these agents no further step, at once; steps that run may finish.

        The pause belongs to this run. It holds until `resume` or the end of the run, also when
        this step fails: undo it.

        Args:
            agents: Their names.
            by: The run that pauses them.

        Raises:
            NotFoundError: One of them is unknown; then none is paused.
        """
        ...

    def resume(self, agents: Sequence[str], by: str) -> None:
        """End this run's pause; an agent that is paused by others, too, stays paused.

        Args:
            agents: Their names.
            by: The run that paused them.
        """
        ...


class Configuration(Protocol):
    """The fleet's configuration: JSON values by name, each version kept with its author."""

    def get(self, name: str) -> Any:
        """The current value; None if it was never set."""
        ...

    def version(self, name: str) -> int:
        """How often it was set to another value; 0 if never."""
        ...

    def set_by(self, name: str) -> str | None:
        """The run whose step set the current value; None: a person set it, or it was never set."""
        ...

    def set(self, name: str, value: Any) -> None:
        """Set the value in the transaction that completes this step, or not at all.

        If it was set elsewhere since this attempt first read it, the attempt fails.

        Raises:
            PermanentError: The step does not declare that it `configures` this name.
            ValueError: The value is not JSON.
        """
        ...


class Shared(Protocol):
    """Small JSON values that every process sees: circuits, cooldowns, budgets."""

    def get(self, key: str) -> Any:
        """The value, or None."""
        ...

    def under(self, prefix: str) -> Mapping[str, Any]:
        """Every value whose key begins with `prefix`."""
        ...

    def update(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Replace a value by what `change` makes of it, in one transaction of its own.

        Args:
            key: The value's key.
            change: From the old value, or None, to the new one; None deletes it. It may be run
                more than once, so it must do nothing else.

        Raises:
            StoreError: It is not known whether the value was written.
            PermanentError: It was called inside the `change` of another update.
        """
        ...

    def now(self) -> datetime:
        """The time of day, UTC, by the clock that all processes of the store share."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One attempt of one step, as its action sees it.

    Attributes:
        workflow_id: The run.
        step: The step's name; an undo is `undo.<step>`.
        parameters: The run's parameters, as the workflow's pydantic model.
        results: Results by name of the steps that this one needs, and of those before them; of a
            fan-out a list, of a skipped step None.
        item: The item of this branch, or None.
        attempt: Its number: from 1, and never used twice; after a restore from a backup it goes
            on from a much higher number.
        idempotency_key: The same for every attempt of the branch: pass it to outside services.
        log: A logger that carries the run, step and attempt.
        fleet: The state of the fleet, and a way to pause its agents.
        configuration: The fleet's configuration.
        shared: Small values that every process sees.
    """

    workflow_id: str
    step: str
    parameters: Any
    results: Mapping[str, Any]
    item: Any
    attempt: int
    idempotency_key: str
    log: "LoggerAdapter[Logger]"
    fleet: Fleet
    configuration: Configuration
    shared: Shared
    emitter: Callable[[str, Mapping[str, Any]], None]
    report: Callable[[float, str], None]
    is_cancelled: Callable[[], bool]

    def progress(self, fraction: float, message: str = "") -> None:
        """Report how much of the step is done: 0 to 1, and one line for people."""
        # In this order a fraction that is no number becomes 0.
        done, told = min(max(0.0, float(fraction)), 1.0), storable(str(message))
        self.report(done, told[:LONGEST_MESSAGE])

    def emit(self, data_type: str, data: Mapping[str, Any]) -> None:
        """Send data to the agents that the app's routes name, once this step has completed.

        Raises:
            ValueError: The data are not JSON.
        """
        self.emitter(data_type, data)

    @property
    def cancelled(self) -> bool:
        """Whether this attempt has lost its claim: stop soon, the result would be dropped."""
        return self.is_cancelled()
