"""The heartbeat monitor: finds agents that were silent for too long, and those that are back."""

from datetime import timedelta

from orchestration.engine import Engine, alerts
from orchestration.engine.transaction import Transaction
from orchestration.store import agents, events
from orchestration.store.agents import AgentRow
from orchestration.store.alerts import AlertKind

GONE = ("silent", "stopped")


class Monitor:
    """Marks agents whose last heartbeat is too old; a heartbeat marks them running again.

    Their steps need no mark: steps of a dead worker are taken over at once, steps of an outside
    agent end by their deadlines or by its silence.

    Args:
        engine: The engine whose store has the agents.
        threshold: How long an agent may be silent.
    """

    def __init__(self, engine: Engine, threshold: timedelta) -> None:
        self._engine = engine
        self._threshold = threshold

    def look(self) -> None:
        """Find agents that have fallen silent since the last look, and those that are back."""
        if self._engine.store.read(lambda s: list(filter(self._is_news, agents.everyone(s)))):
            self._engine.commit(self._write)

    def _is_news(self, agent: AgentRow) -> bool:
        return self._is_silent(agent) or is_back(agent)

    def _is_silent(self, agent: AgentRow) -> bool:
        """Whether an agent's heartbeat is too old, though it did not end in good order."""
        beat = agent.last_heartbeat
        if beat is None or (agent.status in GONE and not agent.deserted):
            return False
        return self._engine.clock.now() - beat > self._threshold

    def _write(self, tx: Transaction) -> None:
        for agent in filter(self._is_silent, agents.everyone(tx.session)):
            agents.mark_silent(tx.session, agent.name, tx.now)
            events.add(tx.session, "", tx.now, "agent.silent", detail=agent.name)
            said = f"agent {agent.name} is silent: no heartbeat for more than {self._threshold}"
            if agent.deserted:
                said += ", no worker serves it since its last one died"
            alerts.alert(tx, AlertKind.AGENT_SILENT, agent.name, said)
        for agent in filter(is_back, agents.everyone(tx.session)):
            agents.mark_back(tx.session, agent.name)
            events.add(tx.session, "", tx.now, "agent.recovered", detail=agent.name)
            said = (
                f"agent {agent.name} is back, it was found silent at {agent.silent_since:%H:%M:%S}"
            )
            alerts.alert(tx, AlertKind.AGENT_RECOVERED, agent.name, said)


def is_back(agent: AgentRow) -> bool:
    """Whether an agent that was silent has sent a heartbeat since."""
    since, beat = agent.silent_since, agent.last_heartbeat
    return since is not None and beat is not None and beat >= since and agent.status != "silent"
