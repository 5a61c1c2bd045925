"""Good commands among ten times as much rubbish, which is fuzzed with a seed."""

import logging
import os
from pathlib import Path

import pytest

from orchestration.bus import topology
from orchestration.ports import Session
from orchestration.store.connect import open_store
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.rubbish import rubbish
from tests.bus import fleet
from tests.bus.peer import Peer
from tests.eventually import eventually

ENVIRONMENT = os.environ
COMMANDS = int(ENVIRONMENT.get("FLOOD_COMMANDS", "300"))
EARLY = max(100, COMMANDS // 10)  # when every thread has met every kind
SEED = int(ENVIRONMENT.get("FLOOD_SEED", "1"))
BAD_EACH = 10
BURST = 20
MOST_WAITING = 1_000
MOST_GROWTH = 10_000_000
PATIENCE_S = 60.0 + COMMANDS / 5

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(120 + 2 * PATIENCE_S)]

log = logging.getLogger(__name__)

COMPLETED = "SELECT COUNT(*) FROM runs WHERE status = 'completed'"
DEAD = "SELECT routing_key, reason FROM dead_letters WHERE routing_key LIKE 'error.flood-%'"


def resident(process: Process) -> int:
    """What the processes of a group hold in memory, in bytes."""
    return sum(each.memory_info().rss for each in process.members())


class Flood:
    """One requester whose commands come among rubbish."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.reasons: dict[str, str] = {}
        self.sent = 0

    def say(self, commands: int) -> None:
        """Send so many commands, and ten times as much rubbish."""
        for _ in range(commands):
            self.peer.order("integrate_real_data", {})
            for _ in range(BAD_EACH):
                number = len(self.reasons)
                body, self.reasons[f"error.flood-{number}"] = rubbish(SEED, number)
                self.peer.publish(body, f"error.flood-{number}")
            self.sent += 1
            if self.sent % BURST == 0:
                eventually(self._has_room, within=PATIENCE_S)

    def _has_room(self) -> bool:
        self.peer.connection.process_data_events(time_limit=0)
        found = self.peer.channel.queue_declare("orchestration_queue", passive=True)
        return int(found.method.message_count) < MOST_WAITING


def test_every_command_ends_and_every_bad_body_is_kept_with_its_reason(
    vhost: str, processes: Processes, tmp_path: Path
) -> None:
    more = {"MAX_CONCURRENT_WORKFLOWS": "50", "LOG_LEVEL": "WARNING"}
    place = Workplace(tmp_path / "home", vhost, fleet.__name__, more, measured=False)
    workers = processes.workers(place, fleet.__name__, "-p", "2", "-t", "4")
    store = open_store(f"sqlite:///{place.home / 'orchestration.db'}").store
    flood = Flood(Peer(vhost, "careful"))
    topology.declare(flood.peer.channel)

    def dead(session: Session) -> dict[str, str]:
        return {row[0]: row[1] for row in session.all(DEAD)}

    def is_over() -> bool:
        flood.peer.connection.process_data_events(time_limit=0.1)
        ended = store.read(lambda s: s.all(COMPLETED)[0][0])
        return bool(ended == flood.sent and len(store.read(dead)) == len(flood.reasons))

    flood.say(EARLY)
    eventually(is_over, within=PATIENCE_S)
    before = {each.pid for each in workers.members()}
    early = resident(workers)
    flood.say(COMMANDS - flood.sent)
    eventually(is_over, within=PATIENCE_S)
    assert store.read(dead) == flood.reasons
    assert {each.pid for each in workers.members()} == before, "no process was restarted"
    grown = resident(workers) - early
    log.info("%d bad bodies, grown by %.1f MiB", len(flood.reasons), grown / 2**20)
    assert grown <= MOST_GROWTH, "more than it began with"
    flood.peer.close()
    store.close()
