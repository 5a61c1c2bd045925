"""A worker goes on with what its completion has opened, unless others come first."""

import pytest

from orchestration.circuit import Circuit, CircuitState
from orchestration.engine import By, Claim
from orchestration.state import RunStatus, StepStatus
from orchestration.store import circuits
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, Worker, step, workflow

R, S = RunStatus, StepStatus
ANN = By("ann", "it overheats")

CHAIN = workflow("chain", step("first"), step("second", "first"))
ACROSS = workflow("across", step("here"), step("there", "here", agent="shop"))
NARROW = workflow("narrow", step("open"), step("squeeze", "open", agent="narrow"))
WIDE = workflow("wide", step("split"), step("part", "split", for_each="parameters.items"))
MERGE = workflow(
    "merge", step("split"), step("part", "split", for_each="parameters.items"), step("join", "part")
)
TRIP = workflow(
    "trip",
    step("book", undo="refund"),
    step("check", "book", agent="shop"),
    step("pay", "check", agent="shop"),
)
LOST = workflow(
    "lost", step("open"), step("here", "open"), step("nowhere", "open", when="results.open.missing")
)
AWAY = workflow(
    "away",
    step("open"),
    step("there", "open", agent="shop"),
    step("nowhere", "open", when="results.open.missing"),
)
LOOK = workflow("look", step("look"), step("tell", "look"), system=True)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, ACROSS, NARROW, WIDE, MERGE, TRIP, LOST, AWAY, LOOK, narrow=1)


def go_on(worker: Worker, claim: Claim) -> Claim | None:
    return worker.follow(done=worker.complete(claim, goes_on=True))


def test_the_next_step_is_claimed_in_the_commit_that_completes_the_one_before(
    fleet: Fleet,
) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain", {"items": ["x"]})
    first = worker.take()
    second = go_on(worker, first)
    assert second is not None
    assert (second.key, second.attempt) == ((run_id, "second", 0), 1)
    assert (second.action, second.parameters) == ("second", first.parameters)
    assert fleet.steps(run_id) == {"first": S.COMPLETED, "second": S.RUNNING}
    assert fleet.row(run_id, "second").owner == "w1"
    assert fleet.transport.take() == []
    assert go_on(worker, second) is None
    assert fleet.status(run_id) is R.COMPLETED


def test_what_follows_knows_the_one_result_that_was_written_with_it(fleet: Fleet) -> None:
    """Nobody has to ask the store for it; of a fan-out the others may know more."""
    worker = fleet.worker()
    fleet.start("chain")
    first = worker.take()
    assert first.known == {}
    second = worker.follow(done=worker.complete(first, {"b": (1, 2), "a": None}, goes_on=True))
    assert second is not None
    assert second.known == {"first": '{"a":null,"b":[1,2]}'}


def test_one_branch_of_several_tells_nothing_of_the_whole_result(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("merge", {"items": [1]})
    part = go_on(worker, worker.take())
    assert part is not None
    joined = go_on(worker, part)
    assert joined is not None
    assert joined.known == {}


def test_of_several_branches_one_is_claimed_and_the_others_are_sent(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("wide", {"items": [1, 2, 3]})
    claim = go_on(worker, worker.take())
    assert claim is not None
    assert (claim.key[2], claim.item) == (0, 1)
    assert [message.branch for message in fleet.transport.take()] == [1, 2]


def test_who_does_not_want_to_go_on_sends_it(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("chain")
    worker.complete(worker.take())
    assert [message.step for message in fleet.transport.take()] == ["second"]


def test_what_another_kind_of_worker_does_is_sent(fleet: Fleet) -> None:
    worker = fleet.worker(rules={"offers": frozenset({"warehouse.here@1"})})
    fleet.worker("w2")
    fleet.start("across")
    assert go_on(worker, worker.take()) is None
    assert [message.step for message in fleet.transport.take()] == ["there"]


@pytest.mark.parametrize("waits", ["chain", "across"])
def test_a_run_of_higher_priority_that_waits_for_a_thread_goes_first(
    fleet: Fleet, waits: str
) -> None:
    worker = fleet.worker()
    fleet.start("chain")
    claim = worker.take()
    fleet.start(waits, priority=4)
    assert go_on(worker, claim) is None


def test_a_run_of_higher_priority_that_waits_for_room_goes_first(fleet: Fleet) -> None:
    worker = fleet.worker(queues={"warehouse": 4})
    fleet.start("across")
    claim = worker.take()
    fleet.start("across", priority=4)
    worker.complete(worker.take())
    assert fleet.transport.take() == []
    assert go_on(worker, claim) is None


def test_a_run_that_is_a_little_older_does_not(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("chain")
    older = fleet.transport.take()
    fleet.clock.advance(20 * SECOND)
    fleet.start("chain")
    claim = worker.take()
    fleet.transport.send(older)
    follower = go_on(worker, claim)
    assert follower is not None
    fleet.clock.advance(20 * SECOND)
    fleet.start("chain")
    fleet.transport.messages.reverse()
    assert go_on(worker, worker.take()) is None, "which is much older goes first"


def test_a_run_of_the_same_rank_or_a_worse_one_does_not(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("chain")
    claim = worker.take()
    fleet.start("chain")
    fleet.start("chain", priority=1)
    assert go_on(worker, claim) is not None


def test_an_agent_at_its_limit_is_not_given_more(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("narrow")
    fleet.start("narrow")
    first, second = worker.take(), worker.take()
    squeezed = go_on(worker, first)
    assert squeezed is not None
    assert go_on(worker, second) is None
    assert fleet.transport.take() == []
    worker.complete(squeezed)
    assert [message.step for message in fleet.transport.take()] == ["squeeze"]


def test_nothing_goes_on_for_an_agent_that_rests(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("across")
    claim = worker.take()
    fleet.client.pause_agents(["shop"], ANN)
    assert go_on(worker, claim) is None
    assert fleet.transport.take() == []


def test_an_agent_that_is_not_ours_gets_its_command(fleet: Fleet) -> None:
    worker = fleet.worker(rules={"outside": frozenset({"shop"})})
    run_id = fleet.start("across")
    assert go_on(worker, worker.take()) is None
    assert fleet.row(run_id, "there").is_outside


def test_an_emergency_stop_lets_only_the_system_go_on(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("look")
    claim = worker.take()
    run_id = fleet.start("trip")
    booked = go_on(worker, worker.take())
    assert booked is not None
    paid = go_on(worker, booked)
    assert paid is not None
    fleet.client.stop_everything(ANN)
    assert fleet.status(run_id) is R.UNDOING
    assert not worker.complete(paid, goes_on=True)
    assert worker.follow(done=False) is None
    assert go_on(worker, claim) is not None
    assert fleet.row(run_id, "undo.book").status is S.READY


def test_an_undo_goes_on_too(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("trip")
    booked = go_on(worker, worker.take())
    assert booked is not None
    worker.fail(booked)
    (undo,) = fleet.transport.messages
    assert undo.step == "undo.book"
    assert go_on(worker, worker.take()) is None
    assert fleet.status(run_id) is R.FAILED


def test_a_worker_that_was_declared_gone_is_given_nothing(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("chain")
    claim = worker.take()
    fleet.store.write(lambda s: s.run("UPDATE workers SET left_at = 1 WHERE id = 'w1'"))
    assert go_on(worker, claim) is None


def test_a_beat_leaves_alone_what_is_in_memory_before_its_commit(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    follower = go_on(worker, worker.take())
    worker.beat()
    assert fleet.row(run_id, "second").status is S.RUNNING
    assert follower is not None
    worker.held.clear()
    worker.beat()
    assert fleet.row(run_id, "second").status is S.QUEUED


def test_an_answer_that_comes_twice_keeps_what_came_with_the_first(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    claim = worker.take()
    assert worker.complete(claim, goes_on=True)
    assert worker.complete(claim, goes_on=True), "as if the first answer had been lost"
    follower = worker.follow(done=True)
    assert follower is not None
    assert follower.key == (run_id, "second", 0)
    assert go_on(worker, follower) is None
    assert fleet.status(run_id) is R.COMPLETED


def test_an_agent_whose_circuit_is_not_closed_is_asked_in_the_usual_way(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.start("across")
    claim = worker.take()
    doubted = Circuit(CircuitState.HALF_OPEN, 3, MINUTE, fleet.clock.now())
    fleet.store.write(lambda s: circuits.save(s, "shop", doubted))
    assert go_on(worker, claim) is None
    assert [message.step for message in fleet.transport.take()] == ["there"]


@pytest.mark.parametrize(("command", "beside"), [("lost", "here"), ("away", "there")])
def test_what_is_opened_beside_a_path_that_leads_nowhere_is_cancelled_with_the_run(
    fleet: Fleet, command: str, beside: str
) -> None:
    worker = fleet.worker()
    run_id = fleet.start(command, {"items": ["x"]})
    assert go_on(worker, worker.take()) is None
    assert fleet.status(run_id) is R.FAILED
    assert fleet.steps(run_id) == {"open": S.COMPLETED, beside: S.CANCELLED}
    assert fleet.transport.take() == []
