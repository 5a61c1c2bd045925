"""A restart of discovery pauses it for itself: nobody else's pause ends with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import app
from actors.names import DISCOVERY_ALGORITHM
from orchestration.engine import By
from orchestration.state import RunStatus
from orchestration.store import agents
from orchestration.testbed import Fleet

COMMAND = "restart_discovery_system"
ALICE = By("alice")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """The real fleet in memory, whose workers are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)
    found = Fleet(app)
    yield found
    found.close()


def paused_by(fleet: Fleet) -> list[str]:
    rows = fleet.engine.store.read(agents.everyone)
    return next(row.paused_by for row in rows if row.name == DISCOVERY_ALGORITHM)


def test_a_restart_leaves_the_pause_of_a_person_and_waits_for_its_end(fleet: Fleet) -> None:
    fleet.engine.pause_agents([DISCOVERY_ALGORITHM], ALICE)
    run = fleet.start(COMMAND)
    assert paused_by(fleet) == ["alice"]
    assert run.phase() is RunStatus.RUNNING
    fleet.engine.resume_agents([DISCOVERY_ALGORITHM], By("bob"))
    assert fleet.start("discover").phase() is RunStatus.COMPLETED
    assert run.phase() is RunStatus.COMPLETED


def test_a_restart_does_not_lift_the_pause_of_another(fleet: Fleet) -> None:
    other = By("restart_discovery_system_0123456789ab")
    fleet.engine.pause_agents([DISCOVERY_ALGORITHM], other)
    run = fleet.start(COMMAND)
    assert paused_by(fleet) == [other.actor]
    fleet.engine.withdraw_pause([DISCOVERY_ALGORITHM], other)
    assert fleet.start("discover").phase() is RunStatus.COMPLETED
    assert run.phase() is RunStatus.COMPLETED
