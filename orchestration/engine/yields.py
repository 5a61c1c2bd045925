"""What an attempt yields besides its result: written with its completion, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.engine import data
from orchestration.engine.transaction import Transaction
from orchestration.errors import PermanentError
from orchestration.plans import UNDO, Plan
from orchestration.store import configuration, events, runs
from orchestration.store.configuration import Author
from orchestration.store.steps import StepRow


@dataclass(frozen=True, slots=True)
class Yield:
    """What else comes of an attempt.

    Attributes:
        configuration: New values of the fleet's configuration, by name.
        data: Type and content of what others are to get.
    """

    configuration: Mapping[str, Any] = field(default_factory=dict)
    data: Sequence[tuple[str, Mapping[str, Any]]] = ()


NOTHING = Yield()


def write(tx: Transaction, row: StepRow, attempt: int, found: Yield) -> None:
    """Write what an attempt yields.

    Raises:
        PermanentError: Its step may not configure that.
    """
    if not (found.configuration or found.data):
        return
    check(runs.get(tx.session, row.run_id).plan, row.step, found.configuration)
    author = Author(row.agent, row.run_id, row.step)
    for name, value in sorted(found.configuration.items()):
        version = configuration.add(tx.session, name, value, author, tx.now)
        place = (row.step, row.branch)
        events.add(tx.session, row.run_id, tx.now, "configured", place, f"{name} v{version}")
    for number, (kind, content) in enumerate(found.data):
        message_id = f"{row.run_id}:{row.step}[{row.branch}]:{attempt}:{number}"
        data.share(tx, kind, row.agent, message_id, {"data_type": kind, "data": content})


def check(plan: Plan, step: str, names: Mapping[str, Any]) -> None:
    """Refuse names that a step does not declare.

    Raises:
        PermanentError: It does not.
    """
    allowed = plan.step[step.removeprefix(UNDO)].configures
    for name in names:
        if name not in allowed:
            raise PermanentError(
                f"step {step} may not set the configuration {name!r}: declare configures=[{name!r}]"
            )
