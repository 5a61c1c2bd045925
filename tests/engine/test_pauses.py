"""Agents that rest: nothing new is sent to them or claimed, what runs may finish."""

import pytest

from orchestration.circuit import CircuitState
from orchestration.engine import By
from orchestration.errors import NotFoundError
from orchestration.plans import Retry
from orchestration.state import RunStatus, StepStatus
from orchestration.store import agents, queues, sending
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, step, workflow
from tests.store.rows import counted

R, S = RunStatus, StepStatus
ANN = By("ann", "it overheats")

CHAIN = workflow("chain", step("first"), step("second", "first", agent="shop"))
FLAKY = workflow("flaky", step("act", retry=Retry(attempts=2)))
BROKEN = workflow("broken", step("act"))
EAGER = workflow("eager", step("soon", start_within=MINUTE))
TRIP = workflow("trip", step("book", agent="shop", undo="refund"), step("pay", "book"))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, FLAKY, BROKEN, EAGER, TRIP)


def test_what_is_sent_is_not_claimed_and_goes_out_again_when_the_agent_is_resumed(
    fleet: Fleet,
) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    (message,) = fleet.transport.take()
    fleet.client.pause_agents(["warehouse"], ANN)
    assert worker.claim(message) is None
    assert fleet.steps(run_id) == {"first": S.READY}
    assert fleet.read(lambda s: counted(s, run_id)) == {"first": {S.READY: 1}}
    fleet.advance(MINUTE)
    fleet.client.refill()
    assert fleet.transport.take() == []

    fleet.client.resume_agents(["warehouse"], ANN)
    assert len(fleet.transport.messages) == 1
    fleet.work_off(worker)
    assert fleet.status(run_id) is R.COMPLETED


def test_what_runs_may_finish_and_other_agents_go_on(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    claim = worker.take()
    fleet.client.pause_agents(["warehouse"])
    assert worker.complete(claim)
    assert fleet.work_off(worker) == ["second[0]"]
    assert fleet.status(run_id) is R.COMPLETED


def test_a_failed_or_lost_attempt_is_not_tried_again_before_the_agent_is_resumed(
    fleet: Fleet,
) -> None:
    worker, other = fleet.worker(), fleet.worker("w2")
    failing, lost = fleet.start("flaky"), fleet.start("flaky")
    claim = worker.take()
    other.take()
    fleet.client.pause_agents(["warehouse"])
    worker.fail(claim)
    other.die()
    fleet.advance(MINUTE)
    assert fleet.transport.take() == []
    fleet.client.resume_agents(["warehouse"])
    assert {message.run_id for message in fleet.transport.messages} == {failing, lost}


def test_a_worker_that_joins_does_not_wake_a_paused_agent(fleet: Fleet) -> None:
    fleet.worker("w1").engine.depart("w1")
    fleet.client.pause_agents(["warehouse"])
    fleet.start("chain")
    worker = fleet.worker("w2")
    worker.beat()
    assert fleet.transport.messages == []
    fleet.client.resume_agents(["warehouse"])
    assert len(fleet.transport.messages) == 1


def test_who_must_begin_soon_fails_though_its_agent_is_paused(fleet: Fleet) -> None:
    fleet.worker()
    run_id = fleet.start("eager")
    fleet.client.pause_agents(["warehouse"])
    fleet.advance(MINUTE - SECOND)
    assert fleet.status(run_id) is R.RUNNING
    fleet.advance(SECOND)
    assert fleet.status(run_id) is R.FAILED


def test_an_undo_waits_for_its_agent_too(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("trip")
    worker.complete(worker.take())
    fleet.client.pause_agents(["shop"])
    fleet.transport.take()
    fleet.client.cancel(run_id)
    assert (fleet.status(run_id), fleet.transport.take()) == (R.UNDOING, [])
    fleet.client.resume_agents(["shop"])
    fleet.work_off(worker)
    assert fleet.status(run_id) is R.CANCELLED


def test_an_agent_that_is_not_ours_gets_nothing_while_it_is_paused(fleet: Fleet) -> None:
    fleet.worker(queues={"warehouse": 4})
    fleet.client = fleet.engine("client", outside=frozenset({"shop"}))
    fleet.client.commit(lambda tx: agents.beat(tx.session, "shop", "running", {}, tx.now))
    fleet.client.pause_agents(["shop"])
    run_id = fleet.start("trip")
    assert fleet.row(run_id, "book").status is S.READY
    fleet.client.resume_agents(["shop"])
    assert fleet.row(run_id, "book").is_outside


def test_it_is_audited_and_an_unknown_name_changes_nothing(fleet: Fleet) -> None:
    fleet.worker()
    with pytest.raises(NotFoundError, match=r"no agent 'nobody' .* known agents: shop, warehouse"):
        fleet.client.pause_agents(["shop", "nobody"], ANN)
    assert fleet.rows("audit") == 0
    fleet.client.pause_agents(["shop"], ANN)
    paused = {row.name: row.paused for row in fleet.read(agents.everyone)}
    assert paused == {"shop": True, "warehouse": False}
    fleet.client.resume_agents(["shop"], ANN)
    assert fleet.read(lambda s: s.all("SELECT actor, action, subject FROM audit ORDER BY id")) == [
        ("ann: it overheats", "pause_agent", "shop"),
        ("ann: it overheats", "resume_agent", "shop"),
    ]
    assert fleet.read(lambda s: sending.sent(s, "shop")) == []


def run_named(fleet: Fleet) -> By:
    """A run that pauses agents by itself."""
    return By(fleet.start("chain"))


def resting(fleet: Fleet) -> dict[str, list[str]]:
    return {row.name: row.paused_by for row in fleet.read(agents.everyone) if row.paused}


def test_each_lifts_only_its_own_pause(fleet: Fleet) -> None:
    fleet.worker()
    one, other = run_named(fleet), run_named(fleet)
    for who in (ANN, one, other, one):
        fleet.client.pause_agents(["shop"], who)
        fleet.advance(SECOND)
    assert resting(fleet) == {"shop": ["ann", one.actor, other.actor]}
    fleet.client.withdraw_pause(["shop"], one)
    fleet.client.withdraw_pause(["shop"], one)
    assert resting(fleet) == {"shop": ["ann", other.actor]}
    fleet.client.withdraw_pause(["shop"], other)
    assert resting(fleet) == {"shop": ["ann"]}


def test_a_person_lifts_all_and_learns_whose(fleet: Fleet) -> None:
    fleet.worker()
    run = run_named(fleet)
    fleet.client.pause_agents(["shop"], ANN)
    fleet.advance(SECOND)
    fleet.client.pause_agents(["shop"], run)
    lifted = fleet.client.resume_agents(["shop", "warehouse"], By("bob"))
    assert lifted == {"shop": ["ann", run.actor], "warehouse": []}
    assert resting(fleet) == {}


def test_the_pause_of_a_run_ends_with_it(fleet: Fleet) -> None:
    fleet.worker()
    run = run_named(fleet)
    fleet.client.pause_agents(["shop"], ANN)
    fleet.client.pause_agents(["shop", "warehouse"], run)
    fleet.client.refill()
    assert set(resting(fleet)) == {"shop", "warehouse"}
    fleet.client.cancel(run.actor)
    fleet.client.refill()
    assert resting(fleet) == {"shop": ["ann"]}


def test_only_a_person_closes_a_circuit(fleet: Fleet) -> None:
    worker = fleet.worker()
    run = run_named(fleet)
    fleet.client.cancel(run.actor)
    while circuit_of(fleet) is CircuitState.CLOSED:
        fleet.start("broken")
        worker.fail(worker.take())
    fleet.client.pause_agents(["warehouse"], run)
    fleet.client.withdraw_pause(["warehouse"], run)
    assert circuit_of(fleet) is CircuitState.OPEN
    fleet.client.resume_agents(["warehouse"], ANN)
    assert circuit_of(fleet) is CircuitState.CLOSED


def circuit_of(fleet: Fleet) -> CircuitState:
    found: queues.Queue = fleet.read(lambda s: queues.look(s, "warehouse"))
    return found.circuit
