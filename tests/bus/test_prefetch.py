"""How much waits for an acknowledgement at once: shared broker plans hang up beyond 1,000."""

from actors import app
from orchestration.bus import topology
from orchestration.runtime.ingress import MOST_UNACKNOWLEDGED, PREFETCH
from orchestration.runtime.process import MOST_PREFETCHED
from tests.test_deploy import procfile

MOST = 1_000
OFFICES = 2  # that are elected


def test_the_fleet_of_the_procfile_never_holds_more_than_a_broker_allows() -> None:
    words = procfile()["worker"].split()
    processes, threads = (int(words[words.index(each) + 1]) for each in ("-p", "-t"))
    queues = len(app.agents) + 2  # the orchestrator's and the monitor's
    prefetched = min(threads, MOST_PREFETCHED)
    held = processes * prefetched * queues + OFFICES * sum(PREFETCH.values())
    assert held <= MOST


def test_what_waits_for_its_time_is_fewer_than_the_broker_hands_out() -> None:
    """Else nothing would come any more until that time."""
    assert set(PREFETCH) == set(topology.CONSUMED)
    assert PREFETCH[topology.QUEUE] >= MOST_UNACKNOWLEDGED
