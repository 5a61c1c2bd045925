"""One run that cannot be moved holds up nobody else."""

import pytest

from orchestration.engine import sweep
from orchestration.engine.transaction import Transaction
from orchestration.errors import IllegalTransitionError
from orchestration.state import RunStatus
from orchestration.store.steps import StepRow
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
