"""What only ever grows: counted once, soon, and whatever becomes of the rows."""

import pytest

from orchestration import metrics
from orchestration.engine import sweep
from orchestration.metrics import Cell, Kind, Metric
from orchestration.plans import Retry
from orchestration.store import alerts, counters, counting, dead_letters, retention
from orchestration.store.alerts import AlertKind, NewAlert
from orchestration.store.dead_letters import DeadLetter
from orchestration.views import metrics as view
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, step, workflow

CHAIN = workflow("chain", step("first"), step("second", "first"))
TWICE = workflow("twice", step("only", retry=Retry(attempts=2)))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, TWICE)


def counted(fleet: Fleet) -> dict[Cell, float]:
    while fleet.client.count_events():
        pass
    return dict(fleet.read(lambda s: list(counters.everything(s))))


def value(fleet: Fleet, metric: Metric, *labels: str, part: str = "") -> float:
    return counted(fleet).get((metric.name, labels, part), 0)


def broken(fleet: Fleet) -> str:
    """A run of two failed attempts."""
    run_id, worker = fleet.start("twice"), fleet.worker()
    worker.fail(worker.take())
    fleet.advance(MINUTE)
    worker.fail(worker.take())
    return run_id


class TestRuns:
    def test_are_counted_after_a_restore_has_let_the_numbers_of_events_jump(
        self, fleet: Fleet
    ) -> None:
        fleet.start("chain")
        fleet.client.store.write(lambda s: s.run("UPDATE events SET id = id + 60000000000000"))
        assert value(fleet, metrics.RUNS_ACCEPTED, "chain") == 1

    def test_are_counted_when_accepted_and_when_ended(self, fleet: Fleet) -> None:
        fleet.start("chain")
        fleet.start("chain")
        assert value(fleet, metrics.RUNS_ACCEPTED, "chain") == 2
        fleet.work_off(fleet.worker())
        assert value(fleet, metrics.RUNS_ENDED, "chain", "completed") == 2

    def test_are_counted_again_when_retried(self, fleet: Fleet) -> None:
        run_id = broken(fleet)
        before = counted(fleet)
        fleet.advance(HOUR)
        fleet.client.retry(run_id)
        fleet.advance(SECOND)
        fleet.work_off(fleet.worker("w2"))
        after = counted(fleet)
        assert (metrics.RUNS_RETRIED.name, ("twice",), "") not in before
        assert after[metrics.RUNS_RETRIED.name, ("twice",), ""] == 1
        assert after[metrics.RUNS_ACCEPTED.name, ("twice",), ""] == 1
        assert after[metrics.RUNS_ENDED.name, ("twice", "failed"), ""] == 1
        assert after[metrics.RUNS_ENDED.name, ("twice", "completed"), ""] == 1
        assert after[metrics.RUN_DURATION.name, ("twice",), "sum"] == 61

    def test_last_from_their_acceptance(self, fleet: Fleet) -> None:
        fleet.start("chain")
        fleet.advance(2 * SECOND)
        fleet.work_off(fleet.worker())
        assert value(fleet, metrics.RUN_DURATION, "chain", part="sum") == 2
        assert value(fleet, metrics.RUN_DURATION, "chain", part="2.5") == 1

    def test_wait_for_a_slot(self, fleet: Fleet) -> None:
        for _ in range(6):
            fleet.start("chain")
        fleet.advance(10 * SECOND)
        fleet.work_off(fleet.worker())
        assert value(fleet, metrics.SLOT_WAIT, "chain", part="0.1") == 5
        assert value(fleet, metrics.SLOT_WAIT, "chain", part="10") == 1

    def test_that_a_person_paused_are_accepted_once(self, fleet: Fleet) -> None:
        run_id = fleet.start("chain")
        fleet.client.pause(run_id)
        fleet.client.resume(run_id)
        assert value(fleet, metrics.RUNS_ACCEPTED, "chain") == 1
        assert value(fleet, metrics.RUNS_RETRIED, "chain") == 0


class TestAttempts:
    def test_are_counted_by_how_they_ended(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        fleet.start("twice")
        worker.fail(worker.take())
        fleet.advance(MINUTE)
        worker.take()
        worker.die()
        other = fleet.worker("w2")
        other.complete(other.take())
        found = {
            outcome: value(fleet, metrics.ATTEMPTS, "twice", "only", "warehouse", outcome)
            for outcome in ("failed", "lost", "completed", "cancelled")
        }
        assert found == {"failed": 1, "lost": 1, "completed": 1, "cancelled": 0}

    def test_that_a_cancel_cut_off_are_counted(self, fleet: Fleet) -> None:
        run_id = fleet.start("chain")
        fleet.worker().take()
        fleet.client.cancel(run_id)
        assert value(fleet, metrics.ATTEMPTS, "chain", "first", "warehouse", "cancelled") == 1

    def test_a_step_that_nobody_took_in_time_had_none(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("late", step("only", start_within=MINUTE)))
        run_id = fleet.start("late")
        fleet.advance(HOUR)
        assert fleet.status(run_id) == "failed"
        assert metrics.ATTEMPTS.name not in {name for name, _, _ in counted(fleet)}

    def test_wait_once_for_their_first_claim(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        fleet.start("twice")
        fleet.advance(2 * SECOND)
        worker.fail(worker.take())
        fleet.advance(MINUTE)
        claim = worker.take()
        fleet.clock.advance(30 * SECOND)
        worker.complete(claim)
        assert value(fleet, metrics.STEP_WAIT, "warehouse", part="sum") == 2
        assert value(fleet, metrics.STEP_DURATION, "twice", "only", part="30") == 1

    def test_wait_once_for_their_first_claim_of_a_restored_store_too(
        self, fleet_of: MakeFleet
    ) -> None:
        again = Retry(attempts=2)
        fleet = fleet_of(workflow("two", step("old"), step("new", "old", retry=again)))
        run_id = fleet.start("two")
        fleet.worker().take()
        fleet.client.revive("another", "there")
        fleet.client.resume(run_id)
        worker = fleet.worker("w2")
        fleet.clock.advance(10 * SECOND)
        worker.complete(worker.take())
        assert value(fleet, metrics.STEP_WAIT, "warehouse", part="sum") == 0, "of what went on"
        fleet.clock.advance(2 * SECOND)
        worker.fail(worker.take())
        assert value(fleet, metrics.STEP_WAIT, "warehouse", part="sum") == 2, "of what is new"
        fleet.advance(MINUTE)
        worker.complete(worker.take())
        assert value(fleet, metrics.STEP_WAIT, "warehouse", part="sum") == 2, "of its first claim"


class TestNothingFalls:
    def test_when_runs_are_forgotten(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        fleet.work_off(worker)
        before = counted(fleet)
        fleet.clock.advance(HOUR)
        while fleet.client.forget(MINUTE, 0):
            pass
        assert not fleet.exists(run_id)
        assert fleet.rows("events") == 0
        assert counted(fleet) == before

    def test_what_is_not_counted_is_not_forgotten(self, fleet: Fleet) -> None:
        run_id = fleet.start("chain")
        fleet.work_off(fleet.worker())
        fleet.clock.advance(HOUR)
        kept = fleet.read(lambda s: retention.keep(s, fleet.clock.now() - MINUTE, 0))
        assert fleet.client.commit(lambda tx: sweep.forget(tx, kept)) == 0
        assert fleet.exists(run_id)
        while fleet.client.forget(MINUTE, 0):
            pass
        assert not fleet.exists(run_id)
        assert value(fleet, metrics.RUNS_ENDED, "chain", "completed") == 1

    def test_when_two_processes_count_at_once(self, fleet: Fleet) -> None:
        fleet.start("chain")
        first, second = fleet.read(counting.look), fleet.read(counting.look)
        assert fleet.store.write(lambda s: counting.write(s, first)) == first.upto - first.after
        assert fleet.store.write(lambda s: counting.write(s, second)) == 0
        assert value(fleet, metrics.RUNS_ACCEPTED, "chain") == 1

    def test_when_dead_letters_and_alerts_are_dealt_with(self, fleet: Fleet) -> None:
        letter = DeadLetter(reason="bad_json", detail="", routing_key="x", body=b"")
        alert = NewAlert(AlertKind.WORKFLOW_FAILED, "chain", "it failed")
        now = fleet.clock.now()
        fleet.store.write(lambda s: dead_letters.add(s, letter, now))
        fleet.store.write(lambda s: alerts.add(s, alert, now, MINUTE))
        assert fleet.store.write(lambda s: dead_letters.discard(s, dead_letters.last_id(s)))
        kept = fleet.read(lambda s: retention.keep(s, now + HOUR, 0))
        assert fleet.store.write(lambda s: retention.forget_aged(s, "alerts", kept, 9)) == 1
        assert value(fleet, metrics.DEAD_LETTERS, "bad_json") == 1
        assert value(fleet, metrics.ALERTS, "workflow_failed") == 1


def test_a_reason_that_a_sender_made_up_is_no_label(fleet: Fleet) -> None:
    letter = DeadLetter(reason="x" * 50, detail="", routing_key="x", body=b"")
    fleet.store.write(lambda s: dead_letters.add(s, letter, fleet.clock.now()))
    assert value(fleet, metrics.DEAD_LETTERS, metrics.OTHER) == 1


def test_every_figure_is_of_a_known_metric_with_all_its_labels(fleet: Fleet) -> None:
    broken(fleet)
    fleet.start("chain")
    fleet.worker("w2")
    counted(fleet)
    found = view.read(fleet.store, fleet.app, fleet.clock.now(), 5, "1.0")
    for name, labels, part in found.counted:
        metric = metrics.BY_NAME[name]
        assert len(labels) == len(metric.labels)
        assert bool(part) == (metric.kind is Kind.HISTOGRAM)
    for sample in found.samples:
        assert sample.metric.kind is Kind.GAUGE
        assert len(sample.labels) == len(sample.metric.labels)
    told = {(s.metric.name, *s.labels): s.value for s in found.samples}
    assert told["orchestration_runs", "running"] == 1
    assert told["orchestration_steps", "warehouse", "queued"] == 1
    assert told["orchestration_workers", "live"] == 1
    assert told["orchestration_worker_slots", "warehouse"] == 8
    assert told["orchestration_agent_consecutive_failures", "warehouse"] == 2
    assert told["orchestration_store_size_bytes",] > 0


def test_an_agent_that_no_worker_could_serve_has_no_room_of_workers(fleet: Fleet) -> None:
    fleet.start("chain")
    ours, outside = (
        view.read(fleet.store, fleet.app, fleet.clock.now(), 5, "1.0", names).samples
        for names in ((), ("warehouse",))
    )
    room = (metrics.WORKER_SLOTS, ("warehouse",))
    assert room in {(sample.metric, sample.labels) for sample in ours}
    assert room not in {(sample.metric, sample.labels) for sample in outside}
    waiting = (metrics.STEPS, ("warehouse", "ready"))
    assert waiting in {(sample.metric, sample.labels) for sample in outside}
