"""Configuration and data that an attempt yields: written with its completion, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.engine import data, emergency
from orchestration.engine.transaction import Transaction
from orchestration.errors import ConfiguredMeanwhileError, PermanentError
from orchestration.plans import UNDO, Plan
from orchestration.store import configuration, events, runs
from orchestration.store.configuration import Author
from orchestration.store.steps import StepRow


@dataclass(frozen=True, slots=True)
class Value:
    """A new value of the configuration.

    Attributes:
        over: The version that it replaces; None: any.
    """

    value: Any
    over: int | None = None


@dataclass(frozen=True, slots=True)
class Yield:
    """What an attempt yields besides its result.

    Attributes:
        configuration: New values of the fleet's configuration, by name.
        data: Type and content of the data to share with other agents.
    """

    configuration: Mapping[str, Value] = field(default_factory=dict)
    data: Sequence[tuple[str, Mapping[str, Any]]] = ()


NOTHING = Yield()


def write(tx: Transaction, row: StepRow, attempt: int, found: Yield) -> None:
    """Write what an attempt yields.

    Raises:
        PermanentError: The step does not declare that it sets a value.
        ConfiguredMeanwhileError: A value was set since the attempt read it.
        StoppedError: An emergency stop holds: no value is set.
    """
    if found.configuration:
        check(runs.get(tx.session, row.run_id).plan, row.step, found.configuration)
        if emergency.forbids(tx, row.run_id):
            emergency.check(tx, f"{row.step} cannot configure {', '.join(found.configuration)}")
    for name, new in found.configuration.items():
        check_version(tx, name, new)
    for name, new in sorted(found.configuration.items()):
        configure(tx, row, name, new.value)
    for number, (kind, content) in enumerate(found.data):
        message_id = f"{row.run_id}:{row.step}[{row.branch}]:{attempt}:{number}"
        data.share(tx, kind, row.agent, message_id, {"data_type": kind, "data": content})


def check_version(tx: Transaction, name: str, new: Value) -> None:
    """Refuse a new value that replaces another version than the current one.

    Raises:
        ConfiguredMeanwhileError: The value was set meanwhile.
    """
    if new.over is None:
        return
    before = configuration.current(tx.session, name)
    version = before.version if before else 0
    if new.over != version:
        who = f" by {before.actor}" if before else ""
        raise ConfiguredMeanwhileError(
            f"{name} was set{who} meanwhile (v{new.over} became v{version}): decide again"
        )


def configure(tx: Transaction, row: StepRow, name: str, value: Any) -> None:
    """Write a new version of one value."""
    author = Author(row.agent, row.run_id, row.step)
    version = configuration.add(tx.session, name, value, author, tx.now)
    place = (row.step, row.branch)
    events.add(tx.session, row.run_id, tx.now, "configured", place, f"{name} v{version}")


def check(plan: Plan, step: str, names: Mapping[str, Any]) -> None:
    """Refuse names that a step does not declare.

    Raises:
        PermanentError: A name is not declared.
    """
    allowed = plan.step[step.removeprefix(UNDO)].configures
    for name in names:
        if name not in allowed:
            raise PermanentError(
                f"step {step} may not set the configuration {name!r}: declare configures=[{name!r}]"
            )
