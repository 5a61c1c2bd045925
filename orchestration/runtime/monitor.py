"""The heartbeat monitor: which agents have been silent for too long."""

import logging
from datetime import timedelta

from orchestration.engine import Engine
from orchestration.engine.transaction import Transaction
from orchestration.store import agents, events

log = logging.getLogger(__name__)


class Monitor:
    """Marks agents whose last heartbeat is too old; a heartbeat marks them running again.

    Args:
        engine: Where the agents are.
        threshold: How long an agent may be silent.
    """

    def __init__(self, engine: Engine, threshold: timedelta) -> None:
        self._engine = engine
        self._threshold = threshold

    def look(self) -> None:
        """Find who has fallen silent since the last look."""
        for name in self._engine.commit(self._mark_silent):
            log.warning("agent %s is silent: no heartbeat for %s", name, self._threshold)

    def _mark_silent(self, tx: Transaction) -> list[str]:
        found = []
        for agent in agents.everyone(tx.session):
            beat = agent.last_heartbeat
            if agent.status == "running" and beat and tx.now - beat > self._threshold:
                agents.mark(tx.session, agent.name, "silent")
                events.add(tx.session, "", tx.now, "agent.silent", detail=agent.name)
                found.append(agent.name)
        return found
