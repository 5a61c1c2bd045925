"""A process dies at each failpoint, for real; the next one finishes what it began, and tells it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestration.failpoints import Failpoint
from tests.acceptance.checker import complaints
from tests.acceptance.crashing import ARMED
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import DELIVERED, RETURNED
from tests.acceptance.witness import KILLED, TOLD, VARIABLE, Line, Witness
from tests.bus.peer import Peer
from tests.eventually import eventually
from tests.rabbitmq import fresh_vhost

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(120)]

PATIENCE_S = 40.0
OPERATIONS = ("claim", "complete")
CASES = [
    *((point, None) for point in Failpoint if point not in {Failpoint.DECIDED, Failpoint.TOLD}),
    *((point, name) for point in (Failpoint.DECIDED, Failpoint.TOLD) for name in OPERATIONS),
]


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_vhost() as found:
        yield found


def start(processes: Processes, place: Workplace, *words: str) -> Process:
    """A fleet that is ready."""
    found = processes.start(place, sys.executable, "-m", "tests.acceptance.crashing", *words)
    eventually(lambda: "ready" in found.output, within=PATIENCE_S, what="a fleet")
    return found


@pytest.mark.parametrize(("point", "operation"), CASES)
def test_nothing_is_lost_or_done_twice(
    point: Failpoint, operation: str | None, url: str,
    processes: Processes, witness: Witness, tmp_path: Path,
) -> None:  # fmt: skip
    armed = tmp_path / "armed"
    more = {VARIABLE: str(witness.path), ARMED: str(armed)}
    place = Workplace(tmp_path / "home", url, more=more)
    victim = start(processes, place, point, *([operation] if operation else []))
    with closing(Peer(url, "mgmt")) as peer:
        armed.touch()
        orders = {
            peer.order("delivery", {"parcels": [1, 2, 3], "refused": refused}): promise
            for refused, promise in ((False, DELIVERED), (True, RETURNED))
        }
        assert victim.wait(within=PATIENCE_S) == -signal.SIGKILL
        witness.write(Line(KILLED, pid=victim.pid))
        armed.unlink()
        healer = start(processes, place)
        runs = {}
        for order, promise in orders.items():
            final = peer.final(order, within=PATIENCE_S)
            witness.write(Line(TOLD, final["workflow_id"], final["status"]))
            runs[peer.run_of(order)] = promise
        healer.tell(signal.SIGTERM)
        assert healer.wait(within=PATIENCE_S) == 0
    assert complaints(witness.lines(), runs) == []
