"""A health check is answered or timed out, whoever is down."""

from datetime import timedelta

from actors import app
from actors.names import ALL_AGENT_NAMES, DISCOVERY_ALGORITHM
from orchestration.state import RunStatus, StepStatus
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.engine.fleet import Fleet


def test_an_agent_that_is_down_is_reported_and_not_waited_for(
    clock: FakeClock, memory: MemoryStore
) -> None:
    fleet = Fleet(memory, clock, app)
    up = {name: 2 for name in ALL_AGENT_NAMES if name != DISCOVERY_ALGORITHM}
    worker = fleet.worker(queues=up)
    run_id = fleet.start("health_check", {"detailed": False})
    fleet.work_off(worker, lambda _: {"status": "healthy"})
    assert fleet.status(run_id) is RunStatus.RUNNING
    fleet.advance(timedelta(seconds=10))
    fleet.work_off(worker)
    assert fleet.status(run_id) is RunStatus.COMPLETED
    failed = [name for name, status in fleet.steps(run_id).items() if status is StepStatus.FAILED]
    assert failed == [f"asking_agents[{ALL_AGENT_NAMES.index(DISCOVERY_ALGORITHM)}]"]
