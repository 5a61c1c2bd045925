"""The agent and workflow of the README, as they stand there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.warehouse import app
from orchestration import settings
from orchestration.client import Client
from orchestration.engine import By
from orchestration.runtime.serving import serving
from orchestration.state import RunStatus
from tests.acceptance.processes import Processes, Workplace
from tests.eventually import eventually

MODULE = "examples.warehouse"
Enter = Callable[[Workplace], None]


def restock() -> Any:
    """Order, approve what waits, and take what was shipped."""
    with Client(app=app) as client:
        handle = client.start("restock", {"skus": ["bolt", "nut"]})
        eventually(lambda: handle.phase() is RunStatus.WAITING, within=20)
        client.engine.approve(
            handle.workflow_id,
            "shipping",
            client.engine.shown(handle.workflow_id, "shipping"),
            By("somebody"),
        )
        return handle.result(20)


SHIPPED = {"shipped": [{"reserved": "bolt"}, {"reserved": "nut"}]}


def test_it_runs_embedded(tmp_path: Path, enter: Enter) -> None:
    enter(Workplace(tmp_path / "home", app=MODULE))
    with serving(app, settings.load()):
        assert restock() == SHIPPED


@pytest.mark.rabbitmq
def test_it_runs_on_rabbitmq(
    vhost: str, processes: Processes, tmp_path: Path, enter: Enter
) -> None:
    place = Workplace(tmp_path / "home", vhost, MODULE)
    enter(place)
    processes.workers(place, MODULE, "-p", "2", "-t", "2")
    assert restock() == SHIPPED
