"""Check and cure of the dead-letter policy, which keeps the messages that RabbitMQ drops."""

from collections.abc import Sequence
from typing import Protocol

from orchestration.bus.policy import OURS, Policy, completed, in_force
from orchestration.bus.topology import QUEUE
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.errors import BrokerError

CHECK = "dead-letter policy"
LOST = f"what {QUEUE} drops is lost"


class Administration(Protocol):
    """A way to see and set in RabbitMQ what an ordinary connection cannot."""

    @property
    def name(self) -> str:
        """The name of the way, for people."""
        ...

    def policies(self) -> list[Policy]:
        """The vhost's policies."""
        ...

    def set_policy(self, wanted: Policy) -> None:
        """Set a policy."""
        ...

    def bindings(self) -> set[str]:
        """The keys by which the exchange's messages reach the orchestrator's queue."""
        ...


def policy(vhost: str, policies: Sequence[Policy] | None) -> Finding:
    """Whether messages that the queue drops are dead-lettered.

    Args:
        vhost: The vhost, for the command in the cure.
        policies: The vhost's policies; None: they cannot be seen.
    """
    if policies is None:
        cure = f"`{OURS.line(vhost)}` sets it, again if need be"
        return warning(CHECK, f"policies cannot be seen from here; without one {LOST}", cure)
    found = in_force(policies)
    if found is None:
        cure = f"`orchestrate doctor --fix`, or `{OURS.line(vhost)}`"
        return problem(CHECK, f"there is none: {LOST}", cure)
    if found.dead_letters:
        return ok(CHECK, f"{found.name!r} keeps what {QUEUE} drops")
    what = (
        f"the policy {found.name!r} applies to {QUEUE}, and RabbitMQ applies one alone; it does not"
        f" dead-letter: {LOST}"
    )
    return problem(CHECK, what, f"add it to that one: `{completed(found).line(vhost)}`")


def cured(vhost: str, ways: Sequence[Administration], policies: Sequence[Policy] | None) -> Finding:
    """Set the policy if none applies, by the first way that is permitted.

    Args:
        vhost: The vhost, for the command in the cure.
        ways: The ways to set it, best first.
        policies: The vhost's policies; None: they cannot be seen.
    """
    if policies is None or in_force(policies) is not None:
        return policy(vhost, policies)
    refusals = []
    for way in ways:
        try:
            way.set_policy(OURS)
        except BrokerError as error:
            refusals.append(str(error))
        else:
            return ok(CHECK, f"{OURS.name!r} is set now, by {way.name}")
    found = policy(vhost, policies)
    refused = "; ".join(refusals)
    return problem(CHECK, f"{found.what} ({refused})", f"`{OURS.line(vhost)}`")
