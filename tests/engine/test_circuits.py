"""An agent that only fails is spared; one step at a time shows whether it is well again."""

import pytest

from orchestration.circuit import CircuitState, Tolerance
from orchestration.engine import By
from orchestration.plans import Retry
from orchestration.state import RunStatus, StepStatus
from orchestration.store import agents, alerts
from orchestration.store.agents import AgentRow
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, Worker, step, workflow

PAUSE = 30 * SECOND
RULES = {"tolerance": Tolerance(failures=3, pause=PAUSE), "slots": 100}
AGAIN = Retry(attempts=99, delay=SECOND, factor=1)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    found = fleet_of(
        workflow("one", step("pack")),
        workflow("patient", step("pack", retry=AGAIN)),
        workflow("many", step("pack", for_each="parameters.items")),
        workflow("quick", step("pack", start_within=10 * SECOND)),
        workflow("optional", step("pack", required=False)),
    )
    found.client = found.engine("client", **RULES)
    return found


@pytest.fixture
def worker(fleet: Fleet) -> Worker:
    return fleet.worker(slots=4, rules=RULES)


def agent(fleet: Fleet) -> AgentRow:
    (found,) = fleet.read(agents.everyone)
    return found  # type: ignore[no-any-return]


def alerted(fleet: Fleet) -> list[str]:
    return [str(one.kind) for one in fleet.read(lambda s: alerts.newest(s, 99))][::-1]


def break_it(fleet: Fleet, worker: Worker, times: int = 3) -> None:
    """Let so many attempts fail in a row."""
    for _ in range(times):
        fleet.start("optional")
        worker.fail(worker.take())


def test_failures_in_a_row_open_the_circuit_and_nothing_new_is_sent(
    fleet: Fleet, worker: Worker
) -> None:
    break_it(fleet, worker, 2)
    assert (agent(fleet).circuit, agent(fleet).failures) == ("closed", 2)
    break_it(fleet, worker, 1)
    assert agent(fleet).circuit == "open"
    assert agent(fleet).probe_at == fleet.clock.now() + PAUSE
    assert alerted(fleet) == ["circuit_open"]
    waiting = fleet.start("one")
    assert fleet.transport.take() == []
    assert fleet.steps(waiting) == {"pack": StepStatus.READY}


def test_a_success_in_between_begins_anew(fleet: Fleet, worker: Worker) -> None:
    for _ in range(5):
        break_it(fleet, worker, 2)
        fleet.start("one")
        worker.complete(worker.take())
        assert (agent(fleet).circuit, agent(fleet).failures) == ("closed", 0)
    assert alerted(fleet) == []


def test_wrong_input_does_not_count(fleet: Fleet, worker: Worker) -> None:
    for _ in range(10):
        fleet.start("optional")
        worker.fail(worker.take(), retryable=False)
    assert (agent(fleet).circuit, agent(fleet).failures) == ("closed", 0)


def test_an_attempt_that_takes_too_long_counts_and_a_worker_that_dies_does_not(
    fleet: Fleet, worker: Worker
) -> None:
    run_id = fleet.start("optional")
    worker.take()
    fleet.advance(10 * MINUTE)
    assert fleet.outcomes(run_id) == ["timed_out"]
    assert agent(fleet).failures == 1
    second = fleet.worker("w2", rules=RULES)
    fleet.start("one")
    second.take()
    second.die()
    assert agent(fleet).failures == 1


def test_what_was_sent_and_not_begun_comes_back(fleet: Fleet, worker: Worker) -> None:
    break_it(fleet, worker, 2)
    run_id = fleet.start("many", {"items": [1, 2, 3, 4, 5]})
    messages = fleet.transport.take()
    claim = worker.claim(messages[0])
    assert claim is not None
    late = fleet.start("quick")
    worker.fail(claim)
    assert fleet.status(run_id) is RunStatus.FAILED
    assert fleet.steps(late) == {"pack": StepStatus.READY}
    assert [worker.claim(message) for message in fleet.transport.take()] == [None]
    fleet.advance(10 * SECOND)
    assert fleet.status(late) is RunStatus.FAILED
    assert "its circuit is open" in str(fleet.row(late, "pack").error)


def test_after_the_pause_one_step_goes_and_its_success_lets_all_go(
    fleet: Fleet, worker: Worker
) -> None:
    break_it(fleet, worker)
    runs = [fleet.start("one") for _ in range(4)]
    fleet.advance(PAUSE - SECOND)
    assert fleet.transport.take() == []
    fleet.advance(SECOND)
    assert agent(fleet).circuit == "half_open"
    assert agent(fleet).probe_at is None
    (probe,) = fleet.transport.messages
    claim = worker.take()
    assert claim.key[0] == probe.run_id == runs[0]
    fleet.client.refill()
    assert fleet.transport.take() == []
    worker.complete(claim)
    assert (agent(fleet).circuit, agent(fleet).failures) == ("closed", 0)
    assert len(fleet.transport.messages) == 3
    fleet.work_off(worker)
    assert {fleet.status(run_id) for run_id in runs} == {RunStatus.COMPLETED}
    assert alerted(fleet) == ["circuit_open", "circuit_closed"]
    assert [kind for kind in fleet.events("") if kind.startswith("circuit")] == [
        "circuit.open",
        "circuit.half_open",
        "circuit.closed",
    ]


def test_each_probe_that_fails_doubles_the_pause_and_alerts_nobody_again(
    fleet: Fleet, worker: Worker
) -> None:
    break_it(fleet, worker)
    fleet.start("patient")
    for pause in (PAUSE, 2 * PAUSE, 4 * PAUSE):
        assert agent(fleet).probe_at == fleet.clock.now() + pause
        fleet.advance(pause)
        worker.fail(worker.take())
        assert agent(fleet).circuit == "open"
    assert agent(fleet).failures == 6
    assert alerted(fleet) == ["circuit_open"]


def test_a_probe_of_wrong_input_says_nothing_and_the_next_one_goes(
    fleet: Fleet, worker: Worker
) -> None:
    break_it(fleet, worker)
    fleet.start("one")
    fleet.start("one")
    fleet.advance(PAUSE)
    worker.fail(worker.take(), retryable=False)
    assert agent(fleet).circuit == "half_open"
    worker.complete(worker.take())
    assert agent(fleet).circuit == "closed"


def test_what_began_before_the_pause_is_no_probe(fleet: Fleet, worker: Worker) -> None:
    run_id = fleet.start("many", {"items": [1, 2, 3, 4, 5, 6]})
    old = [worker.take() for _ in range(6)]
    assert fleet.status(run_id) is RunStatus.RUNNING
    break_it(fleet, worker)
    fleet.start("one")
    fleet.advance(PAUSE)
    probe = worker.take()
    worker.fail(old[0])
    assert agent(fleet).circuit == "half_open"
    worker.complete(probe)
    assert agent(fleet).circuit == "closed"


def test_a_person_closes_it_at_once(fleet: Fleet, worker: Worker) -> None:
    break_it(fleet, worker)
    run_id = fleet.start("one")
    fleet.client.resume_agents(["warehouse"], By("ann", "repaired"))
    assert (agent(fleet).circuit, agent(fleet).failures) == ("closed", 0)
    fleet.work_off(worker)
    assert fleet.status(run_id) is RunStatus.COMPLETED
    audited = fleet.read(lambda s: s.all("SELECT actor, action, subject FROM audit"))
    assert audited == [("ann: repaired", "resume_agent", "warehouse")]
    assert alerted(fleet) == ["circuit_open", "circuit_closed"]
    fleet.client.resume_agents(["warehouse"], By("ann"))
    assert len(alerted(fleet)) == 2


def test_without_a_live_worker_no_probe_is_sent(fleet: Fleet, worker: Worker) -> None:
    break_it(fleet, worker)
    fleet.start("one")
    worker.engine.drain("w1")
    fleet.advance(PAUSE)
    assert agent(fleet).circuit == "half_open"
    assert fleet.transport.take() == []
    fleet.worker("w2", rules=RULES)
    assert len(fleet.transport.messages) == 1


def test_an_agent_that_is_not_ours_has_one_too(fleet: Fleet) -> None:
    fleet.client = fleet.engine("client", outside=frozenset({"warehouse"}), **RULES)
    for _ in range(3):
        fleet.start("optional")
        fleet.listen(40 * SECOND)
    assert agent(fleet).circuit == CircuitState.OPEN
    run_id = fleet.start("one")
    assert fleet.steps(run_id) == {"pack": StepStatus.READY}
    fleet.start("one")
    fleet.advance(PAUSE)
    assert fleet.steps(run_id) == {"pack": StepStatus.RUNNING}
    assert fleet.status("one_5") is RunStatus.RUNNING
    assert fleet.steps("one_5") == {"pack": StepStatus.READY}
