"""What an action is given: its inputs, a way to report progress, and a key for its effects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from logging import Logger, LoggerAdapter
from typing import Any, Protocol

from pydantic import BaseModel

LONGEST_MESSAGE = 500


def storable(text: str) -> str:
    """A text that every store takes: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


class Fleet(Protocol):
    """What is known of the whole fleet, and a way to let its agents rest."""

    def status(self) -> dict[str, Any]:
        """Agents, queues, workflows, success rate and uptime."""
        ...

    def emergency(self) -> dict[str, Any]:
        """Whether an emergency stop holds, and who has acknowledged it."""
        ...

    def pause(self, agents: Sequence[str], by: str) -> None:
        """Send these agents nothing more, at once; what runs may finish.

        It is this run's own and holds until `resume`, also when this step fails: undo it. The
        end of the run ends it.

        Args:
            agents: Which.
            by: The run.

        Raises:
            NotFoundError: One of them is unknown; then none is paused.
        """
        ...

    def resume(self, agents: Sequence[str], by: str) -> None:
        """End what this run has paused; they rest on while anybody else wants it.

        Args:
            agents: Which.
            by: The run.
        """
        ...


class Configuration(Protocol):
    """What the fleet goes by: JSON values by name, each version kept with who set it."""

    def get(self, name: str) -> Any:
        """The current value; None if it was never set."""
        ...

    def version(self, name: str) -> int:
        """How often it was set to another value; 0 if never."""
        ...

    def set_by(self, name: str) -> str | None:
        """The run whose step set the current value; None: a person did, or nobody."""
        ...

    def set(self, name: str, value: Any) -> None:
        """Set it with this step's completion, in the same transaction, or not at all.

        Where somebody else has set it since this attempt first looked at it, the attempt fails.

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
        """Every value whose key begins like this."""
        ...

    def update(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Replace a value by what `change` makes of it, in one transaction of its own.

        Args:
            key: Which one.
            change: From the old value, or None, to the new one; None deletes it. It may be run
                more than once, so it must do nothing else.

        Raises:
            StoreError: It is not known to be written.
            PermanentError: It is called by `change` of another update.
        """
        ...

    def now(self) -> datetime:
        """The time of day, UTC, by the clock that everybody has in common who sees them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One attempt of one step, as its action sees it.

    Attributes:
        workflow_id: The run.
        step: The step's name; an undo is `undo.<step>`.
        parameters: The run's parameters, as the workflow's pydantic model.
        results: Results of finished steps by name; of a fan-out a list.
        item: The item of this branch, or None.
        attempt: Counts from 1, and is never used twice; once the store was restored from a
            backup it goes on a million higher.
        idempotency_key: The same for every attempt: give it to the outside world.
        log: A logger that carries the run, step and attempt.
        fleet: What is known of the fleet, and a way to let agents rest.
        configuration: What the fleet goes by.
        shared: Small values that every process sees.
    """

    workflow_id: str
    step: str
    parameters: BaseModel
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
        """Tell how much of the step is done: 0 to 1, and one line for people."""
        # In this order a fraction that is no number becomes 0.
        done, told = min(max(0.0, float(fraction)), 1.0), storable(str(message))
        self.report(done, told[:LONGEST_MESSAGE])

    def emit(self, data_type: str, data: Mapping[str, Any]) -> None:
        """Give data to those whom the app's routes name, once this step has completed.

        Raises:
            ValueError: They are not JSON.
        """
        self.emitter(data_type, data)

    @property
    def cancelled(self) -> bool:
        """Whether this attempt has lost its claim: stop soon, the result would be dropped."""
        return self.is_cancelled()
