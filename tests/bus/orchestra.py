"""An orchestrator on a vhost and a store of its own, as tests see it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pika.exceptions import AMQPError

from orchestration import RabbitMQOrchestrationAgent, settings
from orchestration.engine import Engine
from orchestration.ports import Session, Store
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.store import dead_letters
from orchestration.store.agents import AgentRow, everyone
from orchestration.store.connect import open_store
from orchestration.store.dead_letters import DeadLetterRow
from tests.bus import fleet
from tests.bus.peer import Peer

T = TypeVar("T")


class Orchestra:
    """A running orchestrator and its peers."""

    def __init__(self, url: str, store: Store, agent: RabbitMQOrchestrationAgent) -> None:
        self.url = url
        self.agent = agent
        self._store = store
        rules = rules_of(settings.load(), "tests", sends=False)
        self.engine = Engine(store, NoRelay(), rules)
        self._peers: list[Peer] = []

    def peer(self, name: str) -> Peer:
        found = Peer(self.url, name)
        self._peers.append(found)
        return found

    def read(self, look: Callable[[Session], T]) -> T:
        return self._store.read(look)

    def status(self, run_id: str) -> dict[str, Any]:
        return self.agent.get_workflow_status(run_id)

    def known(self, name: str) -> AgentRow | None:
        return next((row for row in self.read(everyone) if row.name == name), None)

    def dead(self, sender: str) -> list[DeadLetterRow]:
        found = self.read(lambda s: dead_letters.newest(s, 1_000))
        return [letter for letter in found if letter.sender == sender]

    def forget(self) -> None:
        """Drop the peers, whose connections are gone."""
        while self._peers:
            with suppress(AMQPError):
                self._peers.pop().listen(0)

    def dismiss(self) -> None:
        """Disconnect every peer, and forget the messages for them."""
        while self._peers:
            self._peers.pop().close()


def environment(monkeypatch: pytest.MonkeyPatch, url: str, home: Path) -> None:
    """Set the environment for an orchestrator: its broker and its store."""
    for name, value in {
        "RABBITMQ_URL": url,
        "ORCHESTRATION_HOME": str(home),
        "ORCHESTRATION_APP": fleet.__name__,
        "OUTSIDE_AGENTS": ",".join(fleet.OUTSIDE),
        "HEARTBEAT_INTERVAL": "2",
        "MAX_CONCURRENT_WORKFLOWS": "50",
    }.items():
        monkeypatch.setenv(name, value)


@contextmanager
def playing(url: str, **config: Any) -> Iterator[Orchestra]:
    """An orchestrator that runs until the block ends, on the broker and store of the settings."""
    agent = RabbitMQOrchestrationAgent(config)
    asyncio.run(agent.start())
    store = open_store(settings.load().store_url).store
    found = Orchestra(url, store, agent)
    try:
        yield found
    finally:
        found.dismiss()
        asyncio.run(agent.stop())
        store.close()
