"""Circuits: an agent whose attempts only fail gets none for a while, then one as a probe."""

from orchestration import circuit as rule
from orchestration.circuit import CLOSED, Circuit, CircuitState
from orchestration.engine import alerts
from orchestration.engine.transaction import Transaction
from orchestration.state import StepStatus
from orchestration.store import circuits, events, sending, steps
from orchestration.store.alerts import AlertKind
from orchestration.store.steps import StepRow
from orchestration.text import counted


def failed(tx: Transaction, row: StepRow) -> None:
    """Count a failed attempt; if the circuit opens, recall the agent's unclaimed branches."""
    before = circuits.load(tx.session, row.agent)
    after = rule.failed(before, row.claimed_at, tx.now, tx.rules.tolerance)
    write(tx, row.agent, before, after)
    if after.state is CircuitState.OPEN and before.state is not CircuitState.OPEN:
        recall(tx, row.agent)


def succeeded(tx: Transaction, row: StepRow) -> None:
    """Close an agent's circuit after a success; reads nothing if the agent had no failures."""
    if row.agent_failures:
        before = circuits.load(tx.session, row.agent)
        write(tx, row.agent, before, rule.succeeded(before))


def rest_over(tx: Transaction, agent: str) -> None:
    """Half-open the circuit of an agent whose pause is over: one attempt may go, as a probe."""
    before = circuits.load(tx.session, agent)
    write(tx, agent, before, rule.rested(before, tx.now))


def close(tx: Transaction, agent: str) -> None:
    """Close an agent's circuit because a person says so."""
    write(tx, agent, circuits.load(tx.session, agent), CLOSED)


def write(tx: Transaction, agent: str, before: Circuit, after: Circuit) -> None:
    """Save a circuit, and record and alert a change of its state."""
    circuits.save(tx.session, agent, after)
    if after.state is before.state:
        return
    events.add(tx.session, "", tx.now, f"circuit.{after.state}", detail=agent)
    tx.queues.add(agent)
    if before.state is CircuitState.CLOSED:
        pause = f"{after.pause.total_seconds():g} s"
        failed = f"failed {counted(after.failures, 'time')} in a row"
        message = f"{agent} {failed}: nothing new is sent to it for {pause}"
        alerts.alert(tx, AlertKind.CIRCUIT_OPEN, agent, message)
    elif after.state is CircuitState.CLOSED:
        alerts.alert(tx, AlertKind.CIRCUIT_CLOSED, agent, f"{agent} gets its steps again")


def recall(tx: Transaction, agent: str) -> None:
    """Make an agent's sent but unclaimed branches ready again: their messages claim nothing."""
    for row in sending.sent(tx.session, agent):
        steps.release(tx.session, row, StepStatus.READY, tx.now, row.deadline)
