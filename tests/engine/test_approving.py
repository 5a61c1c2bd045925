"""What a person approves or rejects, and what nobody answers in time."""

import pytest

from orchestration.desk.approvals import look
from orchestration.engine import By
from orchestration.engine.answers import fingerprint
from orchestration.errors import NotFoundError, StateError
from orchestration.state import RunStatus, StepStatus
from orchestration.store import approvals, steps
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, SECOND, Fleet, step, workflow

R, S = RunStatus, StepStatus
ANN = By("ann", "it is right")
CHAIN = workflow("chain", step("first"), step("second", "first"))
GUARDED = workflow("guarded", step("plan"), step("pay", "plan", approval=HOUR))
ENTERED = workflow("entered", step("pay", approval=HOUR))
TRIP = workflow("trip", step("book", undo="refund"), step("pay", "book"))
GROUP = workflow("group", step("pay", for_each="parameters.items", approval=HOUR))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, GUARDED, ENTERED, TRIP, GROUP)


def audited(fleet: Fleet) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = fleet.read(
        lambda s: s.all("SELECT actor, action, subject FROM audit ORDER BY id")
    )
    return rows


class TestApproval:
    def waiting(self, fleet: Fleet) -> str:
        run_id = fleet.start("guarded")
        fleet.work_off(fleet.worker())
        assert fleet.status(run_id) is R.WAITING
        return run_id

    def test_nothing_is_sent_before_a_person_approves(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        assert fleet.steps(run_id) == {"plan": S.COMPLETED, "pay": S.WAITING}
        fleet.client.refill()
        assert fleet.transport.messages == []
        assert (
            fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"), ANN) is R.PENDING
        )
        assert fleet.status(run_id) is R.RUNNING
        assert fleet.transport.messages[0].step == "pay"
        assert audited(fleet) == [("ann: it is right", "approve", f"{run_id}:pay[0]")]

    def test_it_is_given_once(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"), ANN)
        with pytest.raises(NotFoundError, match="'pay' does not wait"):
            fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"), ANN)

    def test_a_refusal_cancels_the_run_and_says_who_refused(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        assert fleet.client.reject(run_id, "pay", By("bob")) is R.CANCELLED
        assert fleet.run(run_id).reason == "step pay was rejected by bob"
        assert audited(fleet) == [("bob", "reject", f"{run_id}:pay")]

    def test_without_an_answer_it_expires(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        fleet.advance(HOUR - SECOND)
        assert fleet.status(run_id) is R.WAITING
        fleet.advance(SECOND)
        assert fleet.status(run_id) is R.CANCELLED
        assert fleet.run(run_id).reason == "nobody approved step pay in time"

    def test_an_answer_after_the_last_moment_is_refused_though_nobody_swept(
        self, fleet: Fleet
    ) -> None:
        run_id = self.waiting(fleet)
        fleet.clock.advance(HOUR)
        with pytest.raises(StateError, match="has expired"):
            fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"), ANN)
        assert fleet.status(run_id) is R.WAITING
        assert audited(fleet) == []

    def test_only_what_was_shown_is_approved(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        rows = fleet.read(lambda s: steps.in_status(s, run_id, "pay", S.WAITING))
        run = fleet.run(run_id)
        shown = fleet.read(lambda s: fingerprint(s, run, rows))
        with pytest.raises(StateError, match="not what was shown"):
            fleet.client.approve(run_id, "pay", "0" * 64, ANN)
        fleet.client.approve(run_id, "pay", shown, ANN)
        assert fleet.status(run_id) is R.RUNNING

    def test_a_person_is_shown_what_the_step_builds_on(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        assert fleet.read(lambda s: look(s, run_id, None)).builds_on == {"plan": [None]}

    def test_all_branches_of_a_step_are_approved_together(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("group", {"items": [1, 2, 3]})
        assert fleet.status(run_id) is R.WAITING
        fleet.client.approve(run_id, "pay", fleet.client.shown(run_id, "pay"), ANN)
        assert len(fleet.work_off(worker)) == 3
        assert fleet.status(run_id) is R.COMPLETED

    def test_what_does_not_wait_is_not_approved(self, fleet: Fleet) -> None:
        run_id = self.waiting(fleet)
        with pytest.raises(NotFoundError, match="'plan' does not wait"):
            fleet.client.approve(run_id, "plan", fleet.client.shown(run_id, "plan"), ANN)
        with pytest.raises(NotFoundError, match="no workflow nobody"):
            fleet.client.reject("nobody", "pay", ANN)

    def test_waiting_frees_the_slot_and_approved_runs_are_the_next(self, fleet: Fleet) -> None:
        fleet.client = fleet.engine("client", slots=1)
        worker = fleet.worker(rules={"slots": 1})
        guarded = fleet.start("guarded")
        worker.complete(worker.take())
        others = [fleet.start("chain", priority=4) for _ in range(2)]
        assert fleet.status(others[0]) is R.RUNNING
        fleet.client.approve(guarded, "pay", fleet.client.shown(guarded, "pay"), ANN)
        assert fleet.status(guarded) is R.PENDING
        worker.complete(worker.take())
        worker.complete(worker.take())
        assert fleet.status(others[0]) is R.COMPLETED
        assert (fleet.status(guarded), fleet.status(others[1])) == (R.RUNNING, R.PENDING)

    @pytest.mark.parametrize("status", [R.WAITING, R.PAUSED, R.PENDING])
    @pytest.mark.parametrize("command", ["guarded", "entered"])
    def test_what_waits_is_listed_whatever_its_run_does(
        self, fleet: Fleet, status: RunStatus, command: str
    ) -> None:
        """Also at its first step, where nothing of it has ever run."""
        run_id = fleet.start(command)
        fleet.work_off(fleet.worker())
        if status is not R.WAITING:
            fleet.client.pause(run_id)
        if status is R.PENDING:
            fleet.client = fleet.engine("client", slots=1)
            fleet.start("chain")  # it has the only slot
            fleet.client.resume(run_id)
        assert fleet.status(run_id) is status
        assert fleet.read(lambda s: approvals.everything(s, 9)) == [(run_id, "pay")]
        assert fleet.read(lambda s: approvals.count_others(s, "w", command, "pay", 9)) == 1
