"""The backlog: steps that wait for agents, runs for slots, messages for the orchestrator."""

from orchestration.bus import topology
from orchestration.bus.address import Address
from orchestration.depths import Depths
from orchestration.engine import Engine, alerts
from orchestration.engine.transaction import Transaction
from orchestration.ports import Session
from orchestration.runtime.look import rabbitmq_status
from orchestration.state import RunStatus
from orchestration.store import queues, runs
from orchestration.store.alerts import AlertKind

PENDING = "pending workflows"


class Backlog:
    """Raises an alert for a backlog that only grows; one process of a fleet looks.

    Args:
        engine: The engine whose store has the steps and runs.
        address: Where RabbitMQ is; None: everything runs in this process.
    """

    def __init__(self, engine: Engine, address: Address | None) -> None:
        self._engine = engine
        self._address = address
        self._depths = Depths()

    def look(self) -> None:
        """Measure every depth, and raise an alert for those that keep growing."""
        if growing := self._depths.look(self._measured()):
            self._engine.commit(lambda tx: tell(tx, growing))

    def _measured(self) -> dict[str, int]:
        depths = self._engine.store.read(waiting)
        if self._address is not None:
            depth = rabbitmq_status(self._address)["queue_depth"]
            depths |= {} if depth is None else {topology.QUEUE: depth}
        return depths


def waiting(session: Session) -> dict[str, int]:
    """How many steps wait for each agent, and how many runs for a slot."""
    found = {name: counts["ready"] for name, counts in queues.counts(session).items()}
    return found | {PENDING: runs.live_counts(session).get(RunStatus.PENDING, 0)}


def tell(tx: Transaction, growing: dict[str, int]) -> None:
    """Raise an alert for each growing depth."""
    for name, depth in growing.items():
        message = f"{name}: {depth} wait, and more come than are done"
        alerts.alert(tx, AlertKind.DEPTH_GROWING, name, message)
