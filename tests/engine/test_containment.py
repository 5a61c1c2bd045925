"""One run that cannot be moved holds up nobody else."""

from collections.abc import Callable

import pytest

from orchestration.engine import emergency, sweep
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import IllegalTransitionError, StoreError
from orchestration.state import RunStatus, StepStatus
from orchestration.store import alerts, workers
from orchestration.store.steps import StepRow
from orchestration.views import emergency as view
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, Fleet, step, workflow


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(workflow("chain", step("only", timeout=MINUTE)))


def test_a_timer_that_raises_leaves_the_others_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = fleet.worker()
    poisoned, healthy = fleet.start("chain"), fleet.start("chain")
    worker.take()
    worker.take()
    time_out = sweep.time_out

    def explode(tx: Transaction, row: StepRow) -> None:
        time_out(tx, row)
        if row.run_id == poisoned:
            raise IllegalTransitionError("as a bug would")

    monkeypatch.setattr(sweep, "time_out", explode)
    fleet.clock.advance(2 * MINUTE)
    fleet.client.commit(sweep.fire_timers)
    assert fleet.status(healthy) is RunStatus.FAILED
    assert fleet.status(poisoned) is RunStatus.RUNNING


SPOILT = {
    "a status that nobody knows": "UPDATE steps SET status = 'odd' WHERE run_id = ?",
    "an item that is no JSON": "UPDATE steps SET item = '{', status = 'backoff' WHERE run_id = ?",
    "tallies that are no JSON": "UPDATE runs SET tallies = '{' WHERE id = ?",
    "a plan of a newer release": "UPDATE runs SET plan = 'newer' WHERE id = ?",
}


def spoil(fleet: Fleet, run_id: str, how: str) -> None:
    """Write rows of a run that this release cannot read."""
    newer = 'INSERT INTO plans (digest, body) VALUES (\'newer\', \'{"name": "chain", "new": 1}\')'
    fleet.store.write(lambda s: s.run(newer + " ON CONFLICT DO NOTHING"))
    fleet.store.write(lambda s: s.run(SPOILT[how], run_id))


@pytest.mark.parametrize("how", SPOILT)
def test_a_run_that_cannot_be_read_leaves_the_others_alone(fleet: Fleet, how: str) -> None:
    worker = fleet.worker()
    poisoned, healthy = fleet.start("chain"), fleet.start("chain")
    worker.take()
    worker.take()
    spoil(fleet, poisoned, how)
    fleet.clock.advance(2 * MINUTE)
    assert fleet.client.fire_timers() >= 2
    assert fleet.status(healthy) is RunStatus.FAILED
    assert fleet.client.fire_timers() == 0, "it is asked again later"
    fleet.clock.advance(2 * MINUTE)
    assert fleet.client.fire_timers() == 1


def ask_in_vain(tx: Transaction) -> None:
    tx.session.one("SELECT 1 FROM nowhere")


def be_away(_tx: Transaction) -> None:
    raise StoreError("nowhere")


@pytest.mark.parametrize("refuse", [ask_in_vain, be_away])
def test_what_the_store_refuses_is_refused_as_a_whole(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, refuse: Callable[[Transaction], None]
) -> None:
    fleet.worker()
    run_id = fleet.start("chain")
    monkeypatch.setattr(sweep, "fire", lambda tx, _row: refuse(tx))
    due = fleet.row(run_id, "only").due_at
    fleet.clock.advance(2 * MINUTE)
    with pytest.raises(Exception, match="nowhere"):
        fleet.client.commit(sweep.fire_timers)
    assert fleet.row(run_id, "only").due_at == due, "nothing is put off"


def test_many_that_raise_keep_nobody_else_waiting(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = fleet.worker()
    poisoned = [fleet.start("chain") for _ in range(3)]
    for _ in poisoned:
        worker.take()
    fleet.clock.advance(MINUTE)
    healthy = fleet.start("chain")
    worker.take()
    time_out = sweep.time_out

    def explode(tx: Transaction, row: StepRow) -> None:
        time_out(tx, row)
        if row.run_id in poisoned:
            raise IllegalTransitionError("as a bug would")

    monkeypatch.setattr(sweep, "time_out", explode)
    monkeypatch.setattr(sweep, "BATCH", 2)
    fleet.clock.advance(MINUTE)
    assert fleet.client.fire_timers() == 4, "each once, and an end"
    assert fleet.status(healthy) is RunStatus.FAILED
    assert fleet.client.fire_timers() == 0
    fleet.clock.advance(MINUTE)
    assert fleet.client.fire_timers() == 3


def test_a_run_whose_end_raises_is_asked_again_later(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_tx: Transaction, _run_id: str) -> None:
        raise IllegalTransitionError("as a bug would")

    monkeypatch.setattr(sweep, "run_out", explode)
    fleet.start("chain")
    fleet.clock.advance(20 * MINUTE)
    assert fleet.client.fire_timers() == 1
    assert fleet.client.fire_timers() == 0


@pytest.mark.parametrize("how", SPOILT)
def test_a_dead_worker_is_taken_over_around_a_run_that_cannot_be_read(
    fleet: Fleet, how: str
) -> None:
    worker = fleet.worker()
    poisoned, healthy = fleet.start("chain"), fleet.start("chain")
    worker.take()
    worker.take()
    spoil(fleet, poisoned, how)
    fleet.worker("w2")
    assert worker.die() == 2
    assert fleet.row(healthy, "only").status is StepStatus.QUEUED
    assert fleet.read(lambda s: [row.id for row in workers.present(s)]) == ["w2"]


@pytest.mark.parametrize("how", SPOILT)
def test_a_worker_beats_though_a_run_of_its_own_cannot_be_read(fleet: Fleet, how: str) -> None:
    worker = fleet.worker()
    poisoned, healthy = fleet.start("chain"), fleet.start("chain")
    worker.take()
    worker.take()
    worker.held.clear()
    spoil(fleet, poisoned, how)
    assert worker.beat()
    assert fleet.row(healthy, "only").status is StepStatus.QUEUED


def test_a_run_that_cannot_be_cancelled_holds_up_no_stop_and_no_release(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency, "BATCH", 2)
    worker = fleet.worker()
    poisoned = [fleet.start("chain") for _ in range(3)]
    healthy = fleet.start("chain")
    for _ in range(4):
        worker.take()
    for run_id in poisoned:
        fleet.store.write(lambda s, r=run_id: s.run(SPOILT["tallies that are no JSON"], r))  # type: ignore[misc]
    fleet.client.stop_everything(By("ann", "prices look wrong"))
    assert fleet.status(healthy) is RunStatus.CANCELLED
    worker.beat()
    found = fleet.read(view.status)
    assert (found["cancelled"], found["left"]) == (1, 0)
    assert [each["place"] for each in found["acknowledged"]] == ["here:7"]
    assert sorted(each["name"] for each in found["silent"]) == sorted(poisoned)
    *others, cured = sorted(poisoned)
    fleet.store.write(lambda s: s.run("UPDATE runs SET tallies = '{}' WHERE id = ?", cured))
    fleet.client.release(By("bob"))
    assert fleet.status(cured) is RunStatus.CANCELLED, "it was tried again"
    assert fleet.status(others[0]) is RunStatus.RUNNING
    (told,) = fleet.read(lambda s: alerts.newest(s, 9))
    assert told.message.endswith(f"could not be cancelled does, too: {', '.join(others)}")
    assert told.times == 1


def test_a_release_says_how_many_it_does_not_name(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency, "BATCH", 2)
    poisoned = [fleet.start("chain") for _ in range(3)]
    for run_id in poisoned:
        spoil(fleet, run_id, "tallies that are no JSON")
    fleet.client.stop_everything(By("ann", "prices look wrong"))
    fleet.client.release(By("bob"))
    (told,) = fleet.read(lambda s: alerts.newest(s, 9))
    assert told.message.endswith(f"does, too: {', '.join(sorted(poisoned)[:2])} and 1 more")


def test_who_was_told_of_a_stop_is_told_at_its_release_of_what_was_not_cancelled(
    fleet: Fleet,
) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    worker.take()
    spoil(fleet, run_id, "tallies that are no JSON")
    fleet.client.stop_everything(By("ann", "prices look wrong"))
    (sent,) = fleet.store.write(lambda s: alerts.take(s, fleet.clock.now(), 9))
    fleet.store.write(lambda s: alerts.record_try(s, sent.id, {"ops"}, None, None))
    fleet.client.release(By("bob"))
    (told,) = fleet.store.write(lambda s: alerts.take(s, fleet.clock.now(), 9))
    assert told.message.endswith(f"could not be cancelled does, too: {run_id}")
    assert (told.id != sent.id, told.times) == (True, 1)
