"""The facts that tell why a run is not further are found in the store."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.store.presence import MemoryLocks
from orchestration.testbed import Fleet
from orchestration.views import facts as views
from orchestration.views import why
from orchestration.views.blocker import Blocker
from tests.cli.sample import app
from tests.views.standing import NOW, worker

Explain = Callable[[Fleet, str], Blocker]


@pytest.fixture
def locks() -> MemoryLocks:
    found = MemoryLocks()
    found.hold("testbed")
    return found


@pytest.fixture
def explain(locks: MemoryLocks) -> Explain:
    def look(fleet: Fleet, run_id: str) -> Blocker:
        now = fleet.clock.now()
        return why.why(fleet.engine.store.read(lambda s: views.load(s, locks, run_id, 100, now)))

    return look


@pytest.fixture
def bed() -> Any:
    found = Fleet(app)
    yield found
    found.close()


def test_the_facts_are_found_in_the_store(bed: Fleet, locks: MemoryLocks, explain: Explain) -> None:
    asking = bed.start("asking").workflow_id
    assert explain(bed, asking).kind == "approval"
    assert explain(bed, bed.start("shaky").workflow_id).kind == "backing_off"
    assert explain(bed, bed.start("bad").workflow_id).kind == "ended"
    assert explain(bed, bed.start("job").workflow_id).kind == "ended"
    bed.engine.pause(asking, By("test"))
    assert explain(bed, asking).kind == "paused"
    locks.release("testbed")
    bed.engine.resume(asking, By("test"))
    assert isinstance(bed.engine, Engine)
    assert explain(bed, asking).kind in {"approval", "no_worker"}


def test_a_worker_that_has_not_beaten_for_a_while_is_silent() -> None:
    assert not views.is_silent(worker(), NOW + timedelta(seconds=12))
    assert views.is_silent(worker(), NOW + timedelta(seconds=13))
    assert not views.is_silent(worker(left_at=NOW), NOW + timedelta(seconds=13))


def test_a_worker_of_another_run_alone_is_no_help() -> None:
    assert views.works_for(worker(), "job_1")
    assert views.works_for(worker(scope="job_1"), "job_1")
    assert not views.works_for(worker(scope="job_2"), "job_1")
    assert not views.works_for(worker(draining=True), "job_1")
    assert not views.works_for(worker(left_at=NOW), "job_1")
