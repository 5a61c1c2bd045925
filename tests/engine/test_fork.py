"""A fork takes over results, not deeds."""

import pytest

from orchestration.definitions import Workflow
from orchestration.engine import By, Claim
from orchestration.engine.fork import Edits, Proposal, propose
from orchestration.errors import NotFoundError, OverloadedError, RejectedError, StateError
from orchestration.state import RunStatus, StepStatus
from orchestration.store import steps
from orchestration.views import workflow as views
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, Anything, Fleet, step, workflow
from tests.store.rows import counted

R, S = RunStatus, StepStatus
ANN = By("ann", "better")

CHAIN = workflow("chain", step("first"), step("second", "first"), step("third", "second"))
SPREAD = workflow(
    "spread",
    step("plan"),
    step("work", "plan", for_each="parameters.items"),
    step("skipped", when="parameters.wanted"),
    step("join", "work", "skipped"),
)
TRIP = workflow(
    "trip", step("book", undo="refund"), step("pay", "book", undo="unpay"), step("leave", "pay")
)
RELEASE = workflow("release", step("allow", approval=HOUR), step("transfer", "allow"))
SYSTEM = workflow("check", step("ask"), system=True)


class Reasoned(Anything):
    reason: str = ""


STOP = Workflow("halt", parameters=Reasoned, steps=[step("tell")], system=True, stops=True)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, SPREAD, TRIP, RELEASE, SYSTEM, STOP)


def proposed(fleet: Fleet, run_id: str, *again: str, **edited: object) -> Proposal:
    fleet.count += 1
    found: Proposal = fleet.read(
        lambda s: propose(
            s,
            fleet.app,
            run_id,
            Edits(edited, again),
            sender="tests",
            run_hex=f"{fleet.count:012x}",
        )
    )
    return found


def forked(fleet: Fleet, run_id: str, *again: str, **edited: object) -> str:
    return fleet.client.fork(proposed(fleet, run_id, *again, **edited), ANN)


def value(claim: Claim) -> str:
    return f"{claim.key[0]} did {claim.key[1]}"


def failing_at(fleet: Fleet, name: str, flow: str = "chain") -> str:
    """A run that failed at a step."""
    worker = fleet.worker()
    run_id = fleet.start(flow)
    while (claim := worker.take()).key[1] != name:
        worker.complete(claim, value(claim))
    worker.fail(claim)
    worker.engine.depart(worker.row.id)
    return run_id


def test_a_fork_runs_what_was_not_finished_and_has_the_results_of_the_rest(fleet: Fleet) -> None:
    old = failing_at(fleet, "third")
    new = forked(fleet, old)
    assert fleet.work_off(fleet.worker("w2"), value) == ["third[0]"]
    assert fleet.status(new) is R.COMPLETED
    assert fleet.result(new, "second") == [f"{old} did second"]
    assert fleet.result(new, "third") == [f"{new} did third"]
    assert fleet.status(old) is R.FAILED
    assert fleet.read(lambda s: counted(s, new))


def test_what_is_reused_is_told_everywhere(fleet: Fleet) -> None:
    old = failing_at(fleet, "third")
    new = forked(fleet, old)
    assert fleet.events(new)[:3] == ["run.pending", "step.reused", "step.reused"]
    assert fleet.events(old)[-1] == "run.forked"
    story = fleet.read(lambda s: views.detail(s, new))
    assert story["forked_from"] == old
    assert [each["reused_from"] for each in story["steps"]] == [old, old, None]
    assert fleet.read(lambda s: s.all("SELECT actor, action, subject FROM audit")) == [
        ("ann: better", "fork", f"{old} → {new}")
    ]


def test_a_named_step_of_a_completed_run_runs_again_with_all_after_it(fleet: Fleet) -> None:
    old = fleet.start("chain")
    fleet.work_off(fleet.worker(), value)
    with pytest.raises(StateError, match="nothing in it would run again: name the first step"):
        proposed(fleet, old)
    new = forked(fleet, old, "second")
    assert fleet.work_off(fleet.worker("w2"), value) == ["second[0]", "third[0]"]
    assert fleet.result(new, "first") == [f"{old} did first"]


def test_edited_parameters_are_those_of_the_fork(fleet: Fleet) -> None:
    old = fleet.start("spread", {"items": [1, 2], "wanted": False, "kept": "k"})
    fleet.work_off(fleet.worker(), value)
    assert proposed(fleet, old, items=[3]).reuse.reused == ()
    proposal = proposed(fleet, old, "work", items=[3])
    assert proposal.edited == ("items",)
    assert proposal.reuse.again == {"work": "it is asked for", "join": "it comes after work"}
    new = fleet.client.fork(proposal)
    assert fleet.work_off(fleet.worker("w2"), value) == ["work[0]", "join[0]"]
    assert fleet.steps(new)["skipped"] is S.SKIPPED
    assert fleet.row(new, "work").item == "3"
    assert '"kept": "k"' in fleet.run(new).parameters


def test_large_results_and_empty_fan_outs_are_taken_over_too(fleet: Fleet) -> None:
    old = fleet.start("spread", {"items": [], "wanted": False})
    large = "x" * 600_000
    fleet.work_off(fleet.worker(), lambda _: large)
    new = forked(fleet, old, "join")
    fleet.client.forget(-fleet.clock.now().resolution, 0)
    fleet.work_off(fleet.worker("w2"))
    assert fleet.status(new) is R.COMPLETED
    assert fleet.result(new, "plan") == [large]
    assert fleet.result(new, "work") == []
    assert fleet.read(lambda s: counted(s, new)["work"]) == {}


def test_a_fork_undoes_what_it_did_and_nothing_that_the_old_run_did(fleet: Fleet) -> None:
    old = fleet.start("trip")
    fleet.work_off(fleet.worker())
    new = forked(fleet, old, "pay")
    worker = fleet.worker("w2")
    worker.complete(worker.take())
    worker.fail(worker.take())
    assert fleet.work_off(worker) == ["undo.pay[0]"]
    assert (fleet.status(old), fleet.status(new)) == (R.COMPLETED, R.FAILED)
    assert "undo.book" not in fleet.steps(new)


def test_a_fork_that_did_nothing_yet_ends_without_any_undo_and_can_be_retried(
    fleet: Fleet,
) -> None:
    old = fleet.start("trip")
    fleet.work_off(fleet.worker())
    new = forked(fleet, old, "leave")
    assert fleet.client.cancel(new) is R.CANCELLED
    assert fleet.client.retry(new) is R.PENDING
    assert fleet.work_off(fleet.worker("w2")) == ["leave[0]"]


def test_a_fork_of_an_undone_run_takes_over_nothing_that_was_undone(fleet: Fleet) -> None:
    old = failing_at(fleet, "leave", "trip")
    fleet.work_off(fleet.worker("w2"))
    assert fleet.status(old) is R.FAILED
    with pytest.raises(StateError, match=f"`orchestrate workflows fork {old}`"):
        fleet.client.retry(old)
    new = forked(fleet, old)
    assert fleet.work_off(fleet.worker("w3")) == ["book[0]", "pay[0]", "leave[0]"]
    assert fleet.status(new) is R.COMPLETED


def test_a_fork_can_be_forked(fleet: Fleet) -> None:
    old = failing_at(fleet, "third")
    middle = forked(fleet, old)
    fleet.client.cancel(middle)
    new = forked(fleet, middle)
    assert fleet.run(new).forked_from == middle
    fleet.transport.take()
    fleet.client.refill()
    assert fleet.result(new, "first") == [f"{old} did first"]
    assert fleet.read(lambda s: steps.get(s, new, "first", 0)).is_reused


@pytest.mark.parametrize("flow", ["chain", "check"])
def test_only_what_has_ended_is_forked(fleet: Fleet, flow: str) -> None:
    run_id = fleet.start(flow)
    with pytest.raises(StateError, match=f"is running: .* `orchestrate workflows cancel {run_id}`"):
        proposed(fleet, run_id)
    with pytest.raises(NotFoundError):
        proposed(fleet, "nobody")


def test_what_is_wrong_is_refused_before_anything_is_written(fleet: Fleet) -> None:
    old = failing_at(fleet, "third")
    with pytest.raises(RejectedError, match="no step 'fourth'; its steps: first, second, third"):
        proposed(fleet, old, "fourth")
    with pytest.raises(RejectedError, match="items: Input should be a valid list"):
        proposed(fleet, old, items=3)
    assert fleet.rows("runs") == 1


def test_a_run_that_went_on_since_is_not_forked(fleet: Fleet) -> None:
    old = failing_at(fleet, "third")
    proposal = proposed(fleet, old)
    fleet.client.retry(old)
    with pytest.raises(StateError, match="look again"):
        fleet.client.fork(proposal)
    fleet.client.cancel(old)
    with pytest.raises(StateError, match="look again"):
        fleet.client.fork(proposal)


def test_forks_count_among_the_pending_runs_of_a_sender(fleet: Fleet) -> None:
    old = failing_at(fleet, "third")
    fleet.client = fleet.engine("client", slots=0, most_pending=1)
    forked(fleet, old)
    with pytest.raises(OverloadedError):
        forked(fleet, old)


def test_a_fork_keeps_the_priority_of_its_run(fleet: Fleet) -> None:
    old = fleet.start("chain", priority=4)
    fleet.client.cancel(old)
    assert fleet.run(forked(fleet, old)).priority == 4


def test_an_emergency_stop_is_not_forked(fleet: Fleet) -> None:
    run_id = fleet.start("halt")
    fleet.client.cancel(run_id)
    with pytest.raises(StateError, match="was an emergency stop"):
        proposed(fleet, run_id)


def test_a_fork_with_edited_parameters_asks_for_its_approvals_anew(fleet: Fleet) -> None:
    worker = fleet.worker()
    old = fleet.start("release", {"amount": 10})
    fleet.client.approve(old, "allow", fleet.client.shown(old, "allow"), ANN)
    worker.complete(worker.take())
    worker.fail(worker.take(), retryable=False)
    dearer = forked(fleet, old, "transfer", amount=1_000_000)
    assert fleet.steps(dearer)["allow"] is S.WAITING
    same = forked(fleet, old, "transfer")
    assert fleet.steps(same)["allow"] is S.COMPLETED
    assert [message.run_id for message in fleet.transport.take()] == [same]
