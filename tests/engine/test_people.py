"""What people may do to a run, and when."""

from collections.abc import Callable

import pytest

from orchestration.engine import By
from orchestration.errors import NotFoundError, StateError
from orchestration.plans import Retry
from orchestration.state import RunStatus, StepStatus
from orchestration.store import outbox
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, step, workflow

R, S = RunStatus, StepStatus
ANN = By("ann", "it is right")
CHAIN = workflow("chain", step("first"), step("second", "first"))
GUARDED = workflow("guarded", step("plan"), step("pay", "plan", approval=HOUR))
TRIP = workflow("trip", step("book", undo="refund"), step("pay", "book"))
GROUP = workflow("group", step("pay", for_each="parameters.items", approval=HOUR))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, GUARDED, TRIP, GROUP)


def audited(fleet: Fleet) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = fleet.read(
        lambda s: s.all("SELECT actor, action, subject FROM audit ORDER BY id")
    )
    return rows


class TestPausing:
    def test_what_is_not_claimed_is_held_and_what_is_claimed_may_finish(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        assert fleet.client.pause(run_id, ANN) is R.PAUSED
        assert worker.complete(claim)
        assert fleet.steps(run_id) == {"first": S.COMPLETED, "second": S.HELD}
        fleet.client.refill()
        assert fleet.transport.messages == []
        assert fleet.client.resume(run_id, ANN) is R.PENDING
        fleet.work_off(worker)
        assert fleet.status(run_id) is R.COMPLETED
        assert [row[1] for row in audited(fleet)] == ["pause", "resume"]

    def test_a_message_that_is_under_way_finds_nothing_to_claim(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        (message,) = fleet.transport.take()
        fleet.client.pause(run_id)
        assert worker.claim(message) is None
        fleet.client.resume(run_id)
        assert worker.claim(message) is not None
        assert worker.claim(fleet.transport.messages.pop()) is None

    def test_a_paused_run_frees_its_slot_and_its_time_stands_still(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=1)
        first, second = fleet.start("chain"), fleet.start("chain")
        fleet.advance(14 * MINUTE)
        fleet.client.pause(first)
        assert fleet.status(second) is R.RUNNING
        fleet.advance(MINUTE)
        fleet.client.cancel(second)
        fleet.advance(HOUR)
        fleet.client.resume(first)
        fleet.advance(MINUTE - SECOND)
        assert fleet.status(first) is R.RUNNING
        fleet.advance(SECOND)
        assert fleet.status(first) is R.FAILED
        assert fleet.run(first).reason == "still running after WORKFLOW_TIMEOUT (900 s)"

    def test_what_backs_off_in_a_paused_run_is_held_after_it(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("flaky", step("act", retry=Retry(attempts=2))))
        worker = fleet.worker()
        run_id = fleet.start("flaky")
        worker.fail(worker.take())
        fleet.client.pause(run_id)
        fleet.advance(MINUTE)
        assert fleet.steps(run_id) == {"act": S.HELD}
        fleet.client.resume(run_id)
        worker.complete(worker.take())
        assert fleet.status(run_id) is R.COMPLETED

    def test_a_pending_run_can_be_paused(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=0)
        run_id = fleet.start("chain")
        assert fleet.client.pause(run_id) is R.PAUSED
        with pytest.raises(StateError, match="is paused: it cannot be paused"):
            fleet.client.pause(run_id)


def pending(fleet: Fleet) -> str:
    fleet.client = fleet.engine("client", slots=0)
    return fleet.start("chain")


def running(fleet: Fleet) -> str:
    return fleet.start("chain")


def waiting(fleet: Fleet) -> str:
    return fleet.start("group", {"items": [1]})


def paused(fleet: Fleet) -> str:
    run_id = fleet.start("chain")
    fleet.client.pause(run_id)
    return run_id


def undoing(fleet: Fleet) -> str:
    worker = fleet.worker()
    run_id = fleet.start("trip")
    worker.complete(worker.take())
    fleet.client.cancel(run_id)
    return run_id


def completed(fleet: Fleet) -> str:
    run_id = fleet.start("chain")
    fleet.work_off(fleet.worker())
    return run_id


def failed(fleet: Fleet) -> str:
    run_id = fleet.start("chain")
    worker = fleet.worker()
    worker.fail(worker.take())
    return run_id


def cancelled(fleet: Fleet) -> str:
    run_id = fleet.start("chain")
    fleet.client.cancel(run_id)
    return run_id


STATES = [pending, running, waiting, paused, undoing, completed, failed, cancelled]
ALLOWED = {
    "cancel": {pending, running, waiting, paused, undoing},
    "pause": {pending, running, waiting},
    "resume": {paused},
    "retry": {failed, cancelled},
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("verb", ALLOWED)
def test_what_may_be_done_depends_on_the_status(
    fleet: Fleet, state: Callable[[Fleet], str], verb: str
) -> None:
    run_id = state(fleet)
    assert fleet.status(run_id).value == state.__name__
    before = fleet.run(run_id)
    if state in ALLOWED[verb]:
        getattr(fleet.client, verb)(run_id, ANN)
        assert audited(fleet)[-1][1:] == (verb, run_id)
    else:
        with pytest.raises(StateError, match=f"{run_id} is {state.__name__}"):
            getattr(fleet.client, verb)(run_id, ANN)
        assert fleet.run(run_id) == before


@pytest.mark.parametrize("verb", ALLOWED)
def test_an_unknown_run_is_not_found(fleet: Fleet, verb: str) -> None:
    with pytest.raises(NotFoundError):
        getattr(fleet.client, verb)("nobody", ANN)


class TestCancelling:
    @pytest.mark.parametrize("state", [pending, running, waiting, paused])
    def test_nothing_of_a_cancelled_run_goes_on(
        self, fleet: Fleet, state: Callable[[Fleet], str]
    ) -> None:
        run_id = state(fleet)
        assert fleet.client.cancel(run_id, ANN) is R.CANCELLED
        assert fleet.run(run_id).reason == "cancelled by ann: it is right"
        assert set(fleet.steps(run_id).values()) <= {S.CANCELLED}
        assert fleet.work_off(fleet.worker()) == []
        assert fleet.advance(HOUR) == 0
        assert fleet.status(run_id) is R.CANCELLED

    def test_who_works_on_it_learns_it_with_its_next_beat_or_answer(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        fleet.client.cancel(run_id)
        assert fleet.attempts(run_id)[0].acting
        assert not worker.complete(claim, "too late")
        assert not fleet.attempts(run_id)[0].acting
        assert fleet.result(run_id, "first") == [None]


class TestRetrying:
    def test_a_new_generation_goes_on_from_what_failed(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.complete(worker.take(), "kept")
        worker.fail(worker.take())
        assert fleet.client.retry(run_id, ANN) is R.PENDING
        row = fleet.run(run_id)
        assert (row.status, row.generation, row.ended_at) == (R.RUNNING, 2, None)
        claim = worker.take()
        assert (claim.key[1], claim.attempt) == ("second", 2)
        worker.complete(claim)
        assert fleet.status(run_id) is R.COMPLETED
        assert fleet.result(run_id, "first") == ["kept"]
        assert fleet.run(run_id).progress == 1

    def test_every_try_is_there_again(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("flaky", step("act", retry=Retry(attempts=2))))
        worker = fleet.worker()
        run_id = fleet.start("flaky")
        for _ in range(2):
            worker.fail(worker.take())
            fleet.advance(MINUTE)
        assert fleet.status(run_id) is R.FAILED
        fleet.client.retry(run_id)
        worker.fail(worker.take())
        fleet.advance(MINUTE)
        claim = worker.take()
        assert claim.attempt == 4
        worker.complete(claim)
        assert fleet.status(run_id) is R.COMPLETED

    def test_a_person_is_asked_again(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("guarded")
        worker.complete(worker.take())
        fleet.client.reject(run_id, "pay")
        fleet.client.retry(run_id)
        assert fleet.status(run_id) is R.WAITING
        assert fleet.row(run_id, "pay").deadline == fleet.clock.now() + HOUR
        fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"))
        fleet.work_off(worker)
        assert fleet.status(run_id) is R.COMPLETED

    def test_a_run_that_never_began_begins(self, fleet: Fleet) -> None:
        run_id = pending(fleet)
        fleet.client.cancel(run_id)
        fleet.client = fleet.engine("client")
        fleet.client.retry(run_id)
        fleet.work_off(fleet.worker())
        assert fleet.status(run_id) is R.COMPLETED

    def test_an_answer_for_the_last_generation_comes_too_late(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        old = worker.take()
        fleet.client.cancel(run_id)
        fleet.client.retry(run_id)
        new = worker.take()
        assert (old.attempt, new.attempt) == (1, 2)
        assert not worker.complete(old, "old")
        worker.complete(new, "new")
        assert fleet.result(run_id, "first") == ["new"]


def test_the_end_of_a_retried_run_is_told_last_though_its_first_end_was_not_told_yet(
    fleet_of: MakeFleet,
) -> None:
    fleet = fleet_of(workflow("job", step("a")))
    run_id = fleet.start("job", requester="mgmt")
    fleet.client.cancel(run_id)
    fleet.store.write(
        lambda s: s.run("DELETE FROM outbox WHERE topic LIKE 'progress:%'")
    )  # is told
    fleet.client.retry(run_id)
    fleet.work_off(fleet.worker())
    assert fleet.status(run_id) is R.COMPLETED
    topics = [row.topic for row in fleet.read(lambda s: outbox.first_of(s, "mgmt", 10))]
    assert topics == [f"progress:{run_id}", f"final:{run_id}"]
