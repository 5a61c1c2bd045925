"""How processes on RabbitMQ end, or refuse to begin."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.client import Client
from orchestration.handles import Handle
from tests.acceptance.checker import complaints
from tests.acceptance.processes import ROOT, Process, Processes, Workplace
from tests.acceptance.promises import DELIVERED, MODULE
from tests.acceptance.silencer import Silencer
from tests.acceptance.victims import reading, workers
from tests.acceptance.witness import END, START, TOLD, VARIABLE, Line, Witness
from tests.acceptance.witnessed import HOLD, app
from tests.eventually import eventually
from tests.rabbitmq import need_rabbitmq

pytestmark = pytest.mark.rabbitmq

DRAMATIQ = (sys.executable, "-m", "dramatiq")
SCHEDULER = (sys.executable, str(ROOT / "scheduler.py"))
Enter = Callable[[Workplace], None]


@pytest.fixture
def place(vhost: str, witness: Witness, tmp_path: Path, enter: Enter) -> Workplace:
    found = Workplace(tmp_path / "home", vhost, MODULE, {VARIABLE: str(witness.path)})
    enter(found)
    return found


def deliver(client: Client, dwell: float) -> Handle:
    return client.start("delivery", {"parcels": [1, 2, 3], "dwell": dwell})


def wait_for(witness: Witness, step: str) -> None:
    def has_started() -> bool:
        return any((line.what, line.step) == (START, step) for line in witness.lines())

    eventually(has_started, within=20, what=f"{step} starts")


def is_draining(place: Workplace) -> bool:
    return not workers(place.home)


def losses(place: Workplace) -> int:
    with reading(place.home) as store:
        return int(store.execute("SELECT SUM(losses) FROM steps").fetchone()[0])


def terminate_twice(group: Process, place: Workplace) -> None:
    """As platforms do: the whole group, and again while it ends."""
    group.tell_group(signal.SIGTERM)
    eventually(lambda: is_draining(place), within=10)
    group.tell_group(signal.SIGTERM)


def complete(handle: Handle, witness: Witness) -> None:
    handle.result(20)
    witness.write(Line(TOLD, handle.workflow_id, "completed"))
    assert complaints(witness.lines(), {handle.workflow_id: DELIVERED}) == []


def test_a_second_sigterm_does_not_cut_off_what_a_first_one_lets_finish(
    place: Workplace, processes: Processes, witness: Witness
) -> None:
    with Client(app=app) as client:
        first = processes.workers(place, MODULE, "-p", "2", "-t", "4")
        handle = deliver(client, dwell=0.8)
        wait_for(witness, "carrying")
        terminate_twice(first, place)
        assert first.wait(within=20) == 0
        started = {line.key for line in witness.lines() if line.what == START}
        assert {line.key for line in witness.lines() if line.what == END} == started
        processes.workers(place, MODULE, "-p", "1", "-t", "4")
        complete(handle, witness)
    assert losses(place) == 0


def test_what_does_not_finish_in_time_is_handed_over_and_counts_as_no_loss(
    place: Workplace, processes: Processes, witness: Witness
) -> None:
    stuck = replace(place, more={**place.more, HOLD: "counting"})
    words = (MODULE, "-p", "1", "-t", "4", "--worker-shutdown-timeout", "500")
    with Client(app=app) as client:
        first = processes.workers(stuck, *words)
        handle = deliver(client, dwell=0)
        wait_for(witness, "counting")
        terminate_twice(first, place)
        first.wait(within=20)
        processes.workers(place, MODULE, "-p", "1", "-t", "4")
        assert handle.result(20) == {"packed": 3, "delivered": 12}
        counting = next(row for row in handle.status()["steps"] if row["step"] == "counting")
    assert [each["outcome"] for each in counting["attempts"]] == ["handed_over"]
    assert counting["attempt"] == 2
    assert losses(place) == 0


def test_orphans_of_a_killed_master_end_by_themselves(
    place: Workplace, processes: Processes, witness: Witness
) -> None:
    with Client(app=app) as client:
        first = processes.workers(place, MODULE, "-p", "2", "-t", "4")
        handle = deliver(client, dwell=0.5)
        wait_for(witness, "carrying")
        first.tell(signal.SIGKILL)
        first.wait(within=5)
        eventually(lambda: not first.members(), within=40, what="all orphans have ended")
        processes.workers(place, MODULE, "-p", "1", "-t", "4")
        complete(handle, witness)
    assert losses(place) == 0


def test_orphans_of_a_master_that_is_killed_while_they_boot_end_by_themselves(
    place: Workplace, processes: Processes
) -> None:
    first = processes.workers(place, MODULE, "-p", "1", "-t", "2")
    eventually(lambda: len(first.members()) > 1, within=10, what="a worker is forked")
    first.tell(signal.SIGKILL)
    first.wait(within=5)
    eventually(lambda: not first.members(), within=40, what="all orphans have ended")


def test_a_scheduler_ends_at_once_when_it_is_told_to(
    place: Workplace, processes: Processes
) -> None:
    clock = processes.scheduler(place)
    eventually(lambda: "ticking" in clock.output, within=20)
    told = time.monotonic()
    clock.tell(signal.SIGTERM)
    assert clock.wait(within=5) == 0
    assert time.monotonic() - told < 1


@pytest.fixture
def falling_silent(vhost: str) -> Iterator[Silencer]:
    with Silencer(vhost) as found:
        yield found


def test_a_scheduler_ends_at_once_while_a_tick_hangs(
    place: Workplace, processes: Processes, falling_silent: Silencer
) -> None:
    clock = processes.scheduler(replace(place, url=falling_silent.url))
    eventually(lambda: falling_silent.accepted > 1, within=20, what="a tick wants to be sent")
    told = time.monotonic()
    clock.tell(signal.SIGTERM)
    assert clock.wait(within=5) == 0
    assert time.monotonic() - told < 1


REFUSALS = {
    "refused": ("amqp://guest:guest@127.0.0.1:1/%2F", 3, "Connection refused"),
    "bad login": ("amqp://guest:hunter2@127.0.0.1:5672/%2F", 3, "ACCESS_REFUSED"),
    "no such vhost": ("amqp://guest:guest@127.0.0.1:5672/nonesuch", 3, "nonesuch not found"),
    "bad scheme": ("http://127.0.0.1/", 2, "expected one amqp://"),
    "two hosts": ("amqp://a@127.0.0.1/;amqp://b@127.0.0.1/", 2, "expected one amqp://"),
    "none": (None, 3, "orchestrate serve"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "command", [(*DRAMATIQ, "actors", "-p", "1", "-t", "1"), SCHEDULER], ids=["workers", "clock"]
)
def test_a_wrong_address_is_one_clear_line_and_an_exit_code(
    refusal: str, command: tuple[str, ...], processes: Processes, tmp_path: Path
) -> None:
    url, code, hint = REFUSALS[refusal]
    if url is not None and ":5672/" in url:
        need_rabbitmq()
    found, output = processes.run(Workplace(tmp_path / "home", url), *command)
    ours = [line for line in output.splitlines() if "dramatiq.MainProcess" not in line]
    assert found == code
    assert len(ours) == 1, output
    assert hint in ours[0]
    assert "hunter2" not in output
    assert not (tmp_path / "home").exists()
