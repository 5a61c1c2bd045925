"""Queues: what waits in RabbitMQ and in the store, and how a queue is purged."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.bus import topology
from orchestration.bus.address import Address, address_in
from orchestration.bus.management import Management
from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import BrokerError, ConfigurationError, NotFoundError
from orchestration.ports import Store
from orchestration.runtime.look import looking
from orchestration.runtime.names import TICKED, queue_of
from orchestration.settings import Settings
from orchestration.store import audit
from orchestration.views import queues

NAME = "orchestrate queues"
HARMLESS = "its steps are sent again from the store"
HARMFUL = "what it holds is lost, commands that nobody has acknowledged among it"


def listing(store: Store, settings: Settings, app: App) -> tuple[list[dict[str, Any]], bool]:
    """Every queue, those of agents first, and whether the management API added its rates.

    Raises:
        BrokerError: RabbitMQ cannot be asked.
    """
    address, agents = address_in(settings), agent_queues(settings, app)
    others = [*topology.CONSUMED, *sorted(TICKED)] if address else []
    depths, rates = (
        ({}, {}) if address is None else look(settings, address, [*agents.values(), *others])
    )
    return store.read(lambda s: queues.listing(s, agents, others, depths, rates)), bool(rates)


def purgeable(settings: Settings, app: App, name: str) -> tuple[Address, str]:
    """The broker's address, and what a purge of the queue would lose.

    Raises:
        ConfigurationError: There is no broker.
        NotFoundError: The fleet has no such queue.
    """
    address, agents = address_in(settings), agent_queues(settings, app)
    if address is None:
        raise ConfigurationError("there is no broker, and so no queue to purge: set RABBITMQ_URL")
    others = [*topology.CONSUMED, *sorted(TICKED)]
    return address, consequence(name, list(agents.values()), others)


def consequence(name: str, agents: Sequence[str], others: Sequence[str]) -> str:
    """What a purge of a queue would lose: an agent's queue, or another one of the fleet.

    Raises:
        NotFoundError: The fleet has no such queue.
    """
    known = [*agents, *others]
    if name not in known:
        raise NotFoundError(f"no queue {name!r} of this fleet; its queues: {', '.join(known)}")
    return HARMLESS if name in agents or name in TICKED else HARMFUL


def purge(engine: Engine, address: Address, name: str, by: By) -> int:
    """Drop every ready message of a queue, and return their number.

    Raises:
        BrokerError: RabbitMQ cannot be asked.
    """
    with looking(address, NAME) as inspection:
        dropped = inspection.purge(name)
    engine.commit(lambda tx: audit.add(tx.session, tx.now, str(by), "purge", name))
    return dropped


def agent_queues(settings: Settings, app: App) -> dict[str, str]:
    """The queue name of each of the fleet's agents."""
    ours = app.agent.keys() - set(settings.outside_agents)
    return {name: queue_of(name) for name in sorted(ours)}


def look(
    settings: Settings, address: Address, names: list[str]
) -> tuple[dict[str, tuple[int, int] | None], Mapping[str, dict[str, Any]]]:
    """What RabbitMQ says of queues, and what its management API adds.

    Raises:
        BrokerError: RabbitMQ cannot be asked.
    """
    depths: dict[str, tuple[int, int] | None] = {}
    with looking(address, NAME) as inspection:
        for name in names:
            state = inspection.queue(name)
            depths[name] = None if state is None else (state.depth, state.consumers)
    try:
        return depths, Management(address, settings.rabbitmq_management_url).queues()
    except BrokerError:
        return depths, {}
