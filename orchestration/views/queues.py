"""Queues as people see them: what RabbitMQ holds, beside what the store knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.ports import Session
from orchestration.store import queues

NOTHING = {"ready": 0, "queued": 0, "running": 0}
UNKNOWN = {"unacked": None, "in_per_second": None, "out_per_second": None}

Depths = Mapping[str, tuple[int, int] | None]


def listing(
    session: Session,
    agents: Mapping[str, str],
    others: Sequence[str],
    depths: Depths,
    rates: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Every queue, those of agents first.

    Args:
        session: Any session.
        agents: The queue name of each agent.
        others: The orchestrator's own queues.
        depths: The depth and the number of consumers of each queue that exists.
        rates: What the management API says of each queue; empty where it is off.
    """
    waiting = queues.counts(session)
    found: list[dict[str, Any]] = [
        {"queue": queue, "agent": agent, **waiting.get(agent, NOTHING)}
        for agent, queue in agents.items()
    ]
    found += [{"queue": queue, "agent": None, **dict.fromkeys(NOTHING)} for queue in others]
    return [{**row, **in_broker(row["queue"], depths, rates)} for row in found]


def in_broker(queue: str, depths: Depths, rates: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What RabbitMQ says of one queue."""
    depth, consumers = depths.get(queue) or (None, None)
    return {"depth": depth, "consumers": consumers, **rates.get(queue, UNKNOWN)}
