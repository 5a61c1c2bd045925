"""An emergency stop outlives the processes that it stopped."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.client import Client
from orchestration.engine.by import By
from orchestration.errors import StateError, StoppedError
from orchestration.handles import Handle
from orchestration.state import RunStatus, StepStatus
from orchestration.views import emergency
from tests.acceptance import stopped_fleet
from tests.acceptance.processes import Process, Processes, Workplace
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(180)]
PATIENCE_S = 60.0
RUNS = 3
ANN = By("ann", "prices look wrong")

Enter = Callable[[Workplace], None]


@pytest.mark.parametrize("when", ["before the restart", "after it"])
def test_a_stop_holds_when_everything_is_killed_and_what_it_found_ends_after_the_release(
    when: str, vhost: str, processes: Processes, tmp_path: Path, enter: Enter
) -> None:
    place = Workplace(tmp_path / "home", vhost, stopped_fleet.__name__)
    enter(place)
    started = start(processes, place)
    with Client() as client:
        runs = [client.start("long_work") for _ in range(RUNS)]
        for run in runs:
            eventually(lambda r=run: is_at(r, "holding", S.RUNNING), within=PATIENCE_S)  # type: ignore[misc]
        client.engine.stop_everything(ANN)
        kill(started)
        assert stop_of(client)["stopped"]
        with pytest.raises(StoppedError):
            client.start("long_work")
        if when == "before the restart":
            eventually(lambda: is_released(client), within=PATIENCE_S)
            start(processes, place)
        else:
            start(processes, place)
            eventually(lambda: is_released(client), within=PATIENCE_S)
        for run in runs:
            eventually(lambda r=run: r.phase().ended, within=PATIENCE_S)  # type: ignore[misc]
            assert run.phase() is RunStatus.CANCELLED
            assert is_at(run, "undo.preparing", S.COMPLETED)
        late = client.start("long_work")
        eventually(lambda: is_at(late, "holding", S.RUNNING), within=PATIENCE_S)


S = StepStatus


def start(processes: Processes, place: Workplace) -> list[Process]:
    workers = processes.workers(place, stopped_fleet.__name__, "-p", "1", "-t", "4")
    return [workers, processes.scheduler(place)]


def kill(started: list[Process]) -> None:
    for process in started:
        process.tell_group(signal.SIGKILL)
    for process in started:
        process.wait(within=10)


def is_at(run: Handle, step: str, status: StepStatus) -> bool:
    found = {each["step"]: each["status"] for each in run.status()["steps"]}
    return found.get(step) == status.value


def stop_of(client: Client) -> dict[str, Any]:
    return client.engine.store.read(emergency.status)


def is_released(client: Client) -> bool:
    """Whether the stop can be released: it has cancelled what it has to."""
    try:
        client.engine.release(ANN)
    except StateError:
        return False
    return True
