"""The policy that lets RabbitMQ dead-letter what `orchestration_queue` drops.

It cannot be an argument of the queue: agents declare the queue with the guide's arguments, and
RabbitMQ refuses others. Of several policies that match a queue RabbitMQ applies only one.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestration.bus.topology import DEAD_EXCHANGE, QUEUE

KEY = "dead-letter-exchange"
FOR_QUEUES = frozenset({"all", "queues", "classic_queues"})


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of a vhost."""

    name: str
    pattern: str
    definition: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    apply_to: str = "queues"

    def fits(self, queue: str) -> bool:
        """Whether it matches a classic queue of this name."""
        return self.apply_to in FOR_QUEUES and re.search(self.pattern, queue) is not None

    @property
    def dead_letters(self) -> bool:
        """Whether dropped messages go to the orchestrator's dead-letter exchange."""
        return self.definition.get(KEY) == DEAD_EXCHANGE

    def line(self, vhost: str) -> str:
        """The command line that sets it."""
        return shlex.join(["rabbitmqctl", *self.words(vhost)])

    def row(self) -> dict[str, Any]:
        """The same for the management API."""
        return {
            "pattern": self.pattern,
            "definition": dict(self.definition),
            "priority": self.priority,
            "apply-to": self.apply_to,
        }

    def words(self, vhost: str) -> list[str]:
        """The arguments of `rabbitmqctl` that set it."""
        where = ["-p", vhost, "--priority", str(self.priority), "--apply-to", self.apply_to]
        return ["set_policy", *where, self.name, self.pattern, json.dumps(self.definition)]


OURS = Policy("orchestration_dead", f"^{QUEUE}$", {KEY: DEAD_EXCHANGE})


def in_force(policies: Sequence[Policy]) -> Policy | None:
    """The policy that RabbitMQ applies to the queue; of several equal ones the one that lacks it.

    Which of two with the same priority it takes, RabbitMQ does not say.
    """
    fitting = [policy for policy in policies if policy.fits(QUEUE)]
    return max(fitting, key=lambda each: (each.priority, not each.dead_letters), default=None)


def completed(policy: Policy) -> Policy:
    """A policy of another owner, with the dead-lettering that it lacks."""
    return replace(policy, definition={**policy.definition, KEY: DEAD_EXCHANGE})


def read(row: Mapping[str, Any]) -> Policy:
    """A policy as RabbitMQ lists it; some of its tools give the definition as JSON text."""
    definition = row["definition"]
    return Policy(
        name=row["name"],
        pattern=row["pattern"],
        definition=json.loads(definition) if isinstance(definition, str) else definition,
        priority=int(row["priority"]),
        apply_to=row["apply-to"],
    )
