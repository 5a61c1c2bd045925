"""The part of an examination that asks RabbitMQ."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from orchestration.bus import topology
from orchestration.bus.address import Address
from orchestration.bus.inspection import Inspection
from orchestration.bus.management import Management
from orchestration.bus.rabbitmqctl import rabbitmqctl_for
from orchestration.clock import SystemClock, new_id
from orchestration.doctor import clocks, dead_lettering, queue
from orchestration.doctor.clocks import Reading
from orchestration.doctor.dead_lettering import Administration
from orchestration.doctor.finding import Finding, ok, problem
from orchestration.errors import BrokerError, UnreachableError
from orchestration.runtime.look import looking
from orchestration.settings import Settings

T = TypeVar("T")

CLOCK = SystemClock()
RESOLUTION = timedelta(seconds=1)
BETWEEN_LOOKS_S = 1.0


def examine(address: Address, settings: Settings, store: str | None, *, fix: bool) -> list[Finding]:
    """The findings about RabbitMQ.

    Args:
        address: The address of RabbitMQ.
        settings: Has the management API's address, and the module whose workers consume.
        store: The name of our store; None: it has none.
        fix: Whether to cure what can be cured without harm.
    """
    name = f"orchestrate doctor {new_id()}"
    try:
        with looking(address, name) as inspection:
            ways, clock = ways_to(address, settings.rabbitmq_management_url, name)
            said = [ok("broker", f"{address.place} can be used"), *clock]
            before, looked_at = inspection.queue(), time.monotonic()
            if before is None:
                what = f"{topology.QUEUE} is not there yet: the first worker declares it"
                said.append(ok("queue", what))
            else:
                said += _arguments(inspection, address.vhost, ways, fix=fix)
                time.sleep(max(0.0, looked_at + BETWEEN_LOOKS_S - time.monotonic()))
                said.append(queue.depth(before, inspection.queue() or before, settings.app))
            if store is not None:
                said.append(_one_store(inspection, store))
            return [*said, _policy(address.vhost, ways, fix=fix)]
    except UnreachableError as error:
        what = f"{address.place} cannot be used ({error.problem})"
        return [problem("broker", what, error.cure, unreachable=True)]
    except BrokerError as error:
        cure = "look into its log, and into the permissions of our user"
        return [problem("broker", str(error), cure, unreachable=True)]


def ways_to(
    address: Address, url: str | None, connection: str
) -> tuple[list[Administration], list[Finding]]:
    """The ways to ask the server what a connection cannot, best first; and findings on its clock.

    Args:
        address: The address of RabbitMQ.
        url: The address of its management API; None: at the usual port of its host.
        connection: The name of an open connection to it.
    """
    tool = rabbitmqctl_for(address.vhost, connection)
    others: list[Administration] = [] if tool is None else [tool]
    management = Management(address, url)
    earliest = CLOCK.now() - RESOLUTION
    try:
        at = management.date()
    except BrokerError:
        return others, []
    readings = [] if at is None else [Reading("RabbitMQ", at, earliest, CLOCK.now())]
    return [management, *others], clocks.skew(readings)


def _arguments(
    inspection: Inspection, vhost: str, ways: Sequence[Administration], *, fix: bool
) -> list[Finding]:
    refusal = inspection.inequivalence()
    bound = first(ways, lambda way: way.bindings())
    if fix and refusal is None and bound is not None and not bound.issuperset(topology.BINDINGS):
        inspection.declare()
        bound = first(ways, lambda way: way.bindings())
    return [queue.arguments(vhost, refusal), queue.bindings(bound)]


def _one_store(inspection: Inspection, store: str) -> Finding:
    check, other = "one store", inspection.rival(store)
    if other is None:
        return ok(check, f"nobody uses another store on this vhost than {store!r}")
    what = f"live processes on this vhost use the store {other!r}, we are set to {store!r}"
    cure = (
        "give all of them the same DATABASE_URL (or ORCHESTRATION_HOME), or each environment a"
        " vhost of its own"
    )
    return problem(check, what, cure)


def _policy(vhost: str, ways: Sequence[Administration], *, fix: bool) -> Finding:
    policies = first(ways, lambda way: way.policies())
    if fix:
        return dead_lettering.cured(vhost, ways, policies)
    return dead_lettering.policy(vhost, policies)


def first(ways: Sequence[Administration], ask: Callable[[Administration], T]) -> T | None:
    """The answer of the first way that gives one; None: none does."""
    for way in ways:
        try:
            return ask(way)
        except BrokerError:
            continue
    return None
