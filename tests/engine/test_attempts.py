"""Claim → work → fenced completion, and what happens to attempts that do not complete."""

from datetime import timedelta

import pytest

from orchestration.engine import Report
from orchestration.plans import Retry
from orchestration.ports import Dispatch
from orchestration.state import RunStatus, StepStatus
from orchestration.store import agents, steps
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, step, workflow

R, S = RunStatus, StepStatus
CHAIN = workflow("chain", step("first"), step("second", "first"))
STUBBORN = workflow(
    "stubborn",
    step("first", retry=Retry(attempts=3, delay=4 * SECOND, never=("Hopeless",)), timeout=MINUTE),
)


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, STUBBORN)


class TestClaiming:
    def test_a_claim_has_all_that_the_work_needs(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("stubborn", {"wanted": False})
        claim = worker.take()
        assert claim.key == (run_id, "first", 0)
        assert (claim.attempt, claim.agent, claim.action) == (1, "warehouse", "first")
        assert (claim.command, claim.item, claim.never_retry) == ("stubborn", None, ("Hopeless",))
        assert '"wanted": false' in claim.parameters
        assert claim.idempotency_key == f"{run_id}:first"
        assert fleet.row(run_id, "first").owner == "w1"

    def test_a_repeated_message_finds_nothing_to_claim(self, fleet: Fleet) -> None:
        worker, other = fleet.worker(), fleet.worker("w2")
        fleet.start("chain")
        (message,) = fleet.transport.take()
        claim = worker.claim(message)
        assert claim is not None
        assert other.claim(message) is None
        assert worker.claim(message) is None
        worker.complete(claim)
        assert other.claim(message) is None

    def test_a_message_of_an_earlier_attempt_finds_nothing_to_claim(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        fleet.start("stubborn")
        (message,) = fleet.transport.take()
        claim = worker.claim(message)
        assert claim is not None
        worker.fail(claim)
        fleet.advance(4 * SECOND)
        assert worker.claim(message) is None
        assert worker.take().attempt == 2

    def test_a_message_for_nothing_finds_nothing(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        assert worker.claim(Dispatch("warehouse", "nobody", "first", 0, 1)) is None

    def test_a_worker_without_the_action_claims_nothing(self, fleet: Fleet) -> None:
        fleet.worker()
        run_id = fleet.start("chain")
        (message,) = fleet.transport.take()
        poor = fleet.worker("poor", rules={"offers": frozenset()})
        assert poor.claim(message) is None
        assert fleet.row(run_id, "first").status is S.QUEUED


class TestCompleting:
    def test_the_next_step_is_sent_when_the_last_is_done(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        assert fleet.work_off(worker) == ["first[0]", "second[0]"]
        assert fleet.status(run_id) is R.COMPLETED
        assert fleet.run(run_id).progress == 1
        assert fleet.events(run_id) == [
            *("run.pending", "run.running"),
            *("step.completed", "step.completed", "run.completed"),
        ]

    def test_progress_rises_step_by_step(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.complete(worker.take())
        assert fleet.run(run_id).progress == 0.5

    def test_an_answer_given_twice_is_accepted_twice_and_written_once(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        assert worker.complete(claim, {"n": 1})
        assert worker.complete(claim, {"n": 2})
        assert fleet.result(run_id, "first") == [{"n": 1}]
        assert len(fleet.transport.messages) == 1

    def test_nobody_else_can_complete_a_claim(self, fleet: Fleet) -> None:
        worker, thief = fleet.worker(), fleet.worker("thief")
        run_id = fleet.start("chain")
        claim = worker.take()
        assert not thief.complete(claim, "stolen")
        assert not thief.fail(claim)
        assert fleet.row(run_id, "first").status is S.RUNNING
        assert worker.complete(claim)

    @pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), {(1, 2): 3}])
    def test_a_result_that_is_no_json_is_refused_by_its_type(
        self, fleet: Fleet, value: object
    ) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        with pytest.raises(ValueError, match="JSON"):
            worker.complete(claim, value)
        assert fleet.row(run_id, "first").status is S.RUNNING

    def test_results_large_and_small_come_back_as_they_were(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        large = {"bars": ["ü" * 100] * 10_000}
        worker.complete(worker.take(), large)
        worker.complete(worker.take(), ["small", 1, None])
        assert fleet.result(run_id, "first") == [large]
        assert fleet.result(run_id, "second") == [["small", 1, None]]
        chunks = fleet.read(lambda s: s.all("SELECT chunk FROM artifacts ORDER BY chunk"))
        assert len(chunks) > 1

    def test_a_large_result_of_a_lost_claim_leaves_nothing_behind(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        fleet.client.cancel(run_id)
        assert not worker.complete(claim, "x" * 100_000)
        assert fleet.read(lambda s: s.one("SELECT 1 FROM artifacts")) is None


class TestFailing:
    def test_a_failure_is_tried_again_after_a_pause_that_doubles(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("stubborn")
        for pause in (4 * SECOND, 8 * SECOND):
            worker.fail(worker.take())
            assert fleet.row(run_id, "first").status is S.BACKOFF
            assert fleet.advance(pause - SECOND) == 0
            assert fleet.advance(SECOND) == 1
        claim = worker.take()
        assert claim.attempt == 3
        assert claim.idempotency_key == f"{run_id}:first"
        worker.complete(claim)
        assert fleet.status(run_id) is R.COMPLETED
        assert fleet.outcomes(run_id) == ["failed", "failed"]
        assert fleet.row(run_id, "first").error is None

    @pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 2.0), (0.5, 4.0), (0.99, 5.96)])
    def test_the_pause_is_spread_by_chance(
        self, fleet: Fleet, drawn: float, seconds: float
    ) -> None:
        worker = fleet.worker(rules={"jitter": lambda: drawn})
        run_id = fleet.start("stubborn")
        worker.fail(worker.take())
        due_at = fleet.row(run_id, "first").due_at
        assert due_at is not None
        assert due_at - fleet.clock.now() == timedelta(seconds=seconds)

    def test_the_last_failure_fails_the_run_and_keeps_the_error(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.fail(worker.take())
        assert fleet.status(run_id) is R.FAILED
        assert fleet.steps(run_id) == {"first": S.FAILED}
        assert "it broke" in (fleet.row(run_id, "first").error or "")
        assert fleet.transport.messages == []
        (agent,) = fleet.read(agents.everyone)
        assert (agent.error_count, "it broke" in agent.last_error) == (1, True)

    def test_what_no_retry_can_help_fails_at_once(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("stubborn")
        worker.fail(worker.take(), retryable=False)
        assert fleet.status(run_id) is R.FAILED

    def test_a_failure_reported_twice_counts_once(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("stubborn")
        claim = worker.take()
        assert worker.fail(claim)
        assert not worker.fail(claim)
        assert fleet.row(run_id, "first").failures == 1

    def test_even_the_hundredth_failure_has_a_pause(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("flaky", step("first", retry=Retry(attempts=100))))
        fleet.client = fleet.engine("client", workflow_timeout=1_000 * HOUR)
        worker = fleet.worker()
        run_id = fleet.start("flaky")
        for _ in range(99):
            worker.fail(worker.take())
            fleet.advance(HOUR)
        worker.complete(worker.take())
        assert fleet.status(run_id) is R.COMPLETED


class TestTime:
    def test_an_attempt_that_takes_too_long_is_tried_again(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("stubborn")
        late = worker.take()
        assert fleet.advance(MINUTE - SECOND) == 0
        fleet.advance(SECOND)
        assert fleet.row(run_id, "first").status is S.BACKOFF
        (attempt,) = fleet.attempts(run_id)
        assert (attempt.outcome, attempt.acting) == ("timed_out", True)
        assert "60.0 s after its start" in (attempt.error or "")
        assert not worker.complete(late)
        assert not fleet.attempts(run_id)[0].acting
        fleet.advance(4 * SECOND)
        assert worker.take().attempt == 2

    def test_progress_is_written_and_never_falls(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        key, attempt = worker.take().key, 1
        for fraction, total in ((0.5, 0.25), (0.2, 0.25), (0.8, 0.4)):
            assert worker.engine.report([Report(key, attempt, fraction, "packing", None)]) == []
            assert fleet.run(run_id).progress == pytest.approx(total)
        assert fleet.row(run_id, "first").message == "packing"

    def test_who_reports_learns_what_it_has_lost(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        runs = [fleet.start("chain") for _ in range(2)]
        claims = [worker.take() for _ in range(2)]
        fleet.client.cancel(runs[0])
        reports = [Report(claim.key, 1, 0.5, "", None) for claim in claims]
        assert worker.engine.report(reports) == [(claims[0].key, 1)]
        assert fleet.run(runs[0]).progress == 0
        assert fleet.run(runs[1]).progress == 0.25

    def test_silence_ends_an_attempt_and_each_report_puts_that_off(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet = fleet_of(
            workflow("watched", step("act", timeout=3 * MINUTE, progress_timeout=MINUTE))
        )
        worker = fleet.worker()
        run_id = fleet.start("watched")
        claim = worker.take()
        report = Report(claim.key, 1, 0.1, "still here", claim.progress_timeout)
        for _ in range(3):
            assert fleet.advance(50 * SECOND) == 0
            worker.engine.report([report])
        assert fleet.advance(29 * SECOND) == 0
        assert fleet.advance(SECOND) == 1, "the deadline stays where it is"
        assert fleet.status(run_id) is R.FAILED

    def test_an_attempt_that_never_reports_is_ended_by_its_silence(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet = fleet_of(workflow("watched", step("act", progress_timeout=MINUTE)))
        worker = fleet.worker()
        run_id = fleet.start("watched")
        worker.take()
        fleet.advance(MINUTE)
        assert fleet.outcomes(run_id) == ["timed_out"]

    def test_a_run_that_runs_for_too_long_has_failed(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        for _ in range(2):
            worker.take()
            fleet.advance(14 * MINUTE)
            if fleet.status(run_id) is not R.RUNNING:
                break
        assert fleet.status(run_id) is R.FAILED

    def test_what_one_wake_up_has_cancelled_the_next_leaves_alone(
        self, fleet_of: MakeFleet
    ) -> None:
        fleet = fleet_of(workflow("wide", step("act", for_each="parameters.items")))
        worker = fleet.worker()
        run_id = fleet.start("wide", {"items": [1, 2, 3]})
        for _ in range(3):
            worker.take()
        fleet.advance(10 * MINUTE)
        assert fleet.status(run_id) is R.FAILED
        assert sorted(fleet.steps(run_id).values()) == [S.CANCELLED, S.CANCELLED, S.FAILED]
        assert fleet.outcomes(run_id).count("timed_out") == 1

    def test_many_wake_ups_at_once_are_all_acted_on(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("wide", step("act", for_each="parameters.items")))
        fleet.worker(slots=60)
        run_id = fleet.start("wide", {"items": list(range(120))})
        assert len(fleet.transport.take()) == 120
        assert fleet.advance(10 * SECOND) == 120
        assert len(fleet.transport.take()) == 120
        rows = fleet.read(lambda s: steps.of_run(s, run_id))
        assert {row.sends for row in rows} == {1}
