"""What cannot be made real in a test: other machines, other clocks, time, and small disks."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from orchestration.bus.address import Address
from orchestration.bus.inspection import QueueState
from orchestration.bus.management import Management
from orchestration.bus.policy import KEY, OURS, Policy, completed, in_force, read
from orchestration.bus.rabbitmqctl import Rabbitmqctl
from orchestration.bus.topology import BINDINGS, DEAD_EXCHANGE, QUEUE
from orchestration.doctor import clocks, dead_lettering, disk, queue
from orchestration.doctor.clocks import Reading
from orchestration.doctor.disk import MIB, Mount
from orchestration.doctor.finding import Level
from orchestration.errors import BrokerError
from orchestration.store.workers import WorkerRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def worker(beat: int, beat_at: datetime) -> WorkerRow:
    nobody: frozenset[str] = frozenset()
    return WorkerRow(
        "id",
        "afar",
        7,
        "1",
        nobody,
        "embedded",
        beat,
        beat_at,
        beat_at,
        draining=False,
        left_at=None,
    )


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (QueueState(0, 1), QueueState(0, 1), Level.OK),
        (QueueState(0, 0), QueueState(0, 0), Level.OK),
        (QueueState(500, 1), QueueState(400, 1), Level.OK),
        (QueueState(0, 1), QueueState(50, 1), Level.OK),
        (QueueState(500, 1), QueueState(900, 1), Level.WARNING),
        (QueueState(5, 0), QueueState(5, 0), Level.PROBLEM),
        (QueueState(9_000, 2), QueueState(8_500, 2), Level.PROBLEM),
    ],
)
def test_a_queue_is_watched_for_its_depth_its_growth_and_its_consumers(
    before: QueueState, after: QueueState, level: Level
) -> None:
    found = queue.depth(before, after, "myfleet")
    assert found.level is level
    assert not after.depth or after.consumers or found.cure == "start a worker: `dramatiq myfleet`"


def test_one_message_and_one_consumer_are_not_several() -> None:
    one = QueueState(1, 1)
    assert queue.depth(one, one, "myfleet").what == "1 message waiting, 1 consumer"


@pytest.mark.parametrize(
    ("reading", "offset"),
    [
        (Reading("x", NOW, NOW - SECOND, NOW + SECOND), 0),
        (Reading("x", NOW + 60 * SECOND, NOW, NOW + SECOND), 59),
        (Reading("x", NOW - 60 * SECOND, NOW, NOW + SECOND), -60),
    ],
)
def test_a_clock_differs_by_what_no_waiting_explains(reading: Reading, offset: float) -> None:
    assert reading.offset == timedelta(seconds=offset)
    found = clocks.skew([reading])
    assert [each.level for each in found] == [Level.WARNING if offset else Level.OK]


def test_a_worker_that_beat_while_we_looked_shows_its_clock() -> None:
    late = worker(2, NOW - 60 * SECOND)
    [reading] = clocks.beats({"id": worker(1, NOW - 62 * SECOND)}, {"id": late}, NOW, NOW + SECOND)
    assert reading.offset == -60 * SECOND
    [silent] = clocks.beats({"id": late}, {"id": late}, NOW, NOW + SECOND)
    assert silent.offset == timedelta(0), "it may just not have beaten"


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [
        (10_000, 20_000, Level.OK),
        (500, 2_000, Level.OK),
        (500, 200_000, Level.WARNING),
        (10, 100, Level.PROBLEM),
    ],
)
def test_a_disk_is_told_before_it_is_full(free: int, total: int, level: Level) -> None:
    assert disk.space(Path("/x"), free * MIB, total * MIB).level is level


def test_a_store_on_a_network_file_system_is_a_problem() -> None:
    mounts = [Mount(Path("/"), "ext4"), Mount(Path("/shared"), "nfs4")]
    assert disk.file_system(Path("/shared/store.db"), mounts).level is Level.PROBLEM
    assert disk.file_system(Path("/sharedness/store.db"), mounts).level is Level.OK
    assert disk.file_system(Path("/x/store.db"), []).level is Level.OK


def test_of_several_policies_the_one_in_force_counts() -> None:
    other = Policy("other", ".*", {"max-length": 5}, 7, "all")
    elsewhere = Policy("elsewhere", "^dead", {}, 9)
    exchanges = Policy("exchanges", ".*", {}, 9, "exchanges")
    assert in_force([elsewhere, exchanges]) is None
    assert in_force([OURS, elsewhere, exchanges]) == OURS
    assert in_force([OURS, other]) == other
    assert in_force([OURS, Policy("equal", ".*")]) == Policy("equal", ".*")
    assert completed(other).definition == {"max-length": 5, KEY: DEAD_EXCHANGE}
    assert completed(other).dead_letters


@pytest.mark.parametrize("definition", [{KEY: "x"}, '{"dead-letter-exchange": "x"}'])
def test_a_policy_is_read_however_the_server_writes_it(definition: object) -> None:
    row = {"name": "n", "pattern": "p", "priority": 1, "apply-to": "all", "definition": definition}
    assert read(row) == Policy("n", "p", {KEY: "x"}, 1, "all")


def test_what_cannot_be_seen_is_said_and_can_be_typed() -> None:
    found = dead_lettering.policy("v", None)
    assert (found.level, OURS.line("v") in found.cure) == (Level.WARNING, True)
    assert dead_lettering.cured("v", [], None) == found
    assert queue.bindings(None).level is Level.WARNING
    assert queue.bindings(set(BINDINGS)).level is Level.OK


@pytest.mark.parametrize("program", ["/bin/false", "/bin/echo", "/nowhere/rabbitmqctl"])
def test_a_tool_that_may_not_is_told_beside_the_line_to_type(program: str) -> None:
    tool = Rabbitmqctl(program, "v")
    assert not tool.sees("a connection")
    with pytest.raises(BrokerError, match="rabbitmqctl"):
        tool.policies()


class NoApi(BaseHTTPRequestHandler):
    """Another server that answers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("scheme", "problem"), [("http", "another server"), ("https", "SSL")])
def test_another_server_is_not_taken_for_the_management_api(scheme: str, problem: str) -> None:
    with HTTPServer(("127.0.0.1", 0), NoApi) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        api = Management(Address("amqp://x:y@h/v"), f"{scheme}://127.0.0.1:{server.server_port}")
        with pytest.raises(BrokerError, match=problem):
            api.date()


def test_the_management_api_is_at_its_usual_port() -> None:
    with pytest.raises(BrokerError, match="refused"):
        Management(Address("amqps://x:y@127.0.0.1:1/v")).date()


def test_a_policy_that_may_not_be_set_is_given_to_type() -> None:
    found = dead_lettering.cured("v", [Rabbitmqctl("/bin/false", "v")], [])
    assert found.level is Level.PROBLEM
    assert OURS.line("v") in found.cure
    assert QUEUE in found.what
