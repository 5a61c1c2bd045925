"""People learn that an agent is gone, and that it is back, wherever they want to hear it."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import Processes, Workplace
from tests.eventually import eventually
from tests.webhooks import SECRET, Server, serving

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(300)]

ORCHESTRATE = (sys.executable, "-m", "orchestration")
ONE, OTHER = "backtesting_agent", "monitoring_alerting_agent"
WORKER = ("actors", "-p", "1", "-t", "2", "-Q")


@pytest.fixture
def hooks() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def place(vhost: str, hooks: Server, tmp_path: Path) -> Workplace:
    more = {
        "HEARTBEAT_INTERVAL": "1",
        "TIMEOUT_THRESHOLD": "10",
        "ALERT_URLS": f"{hooks.url('works')}, {hooks.url('fails')}",
        "LOG_LEVEL": "DEBUG",
    }
    return Workplace(tmp_path / "home", vhost, more=more)


def test_an_agent_that_dies_and_comes_back(
    place: Workplace, processes: Processes, hooks: Server
) -> None:
    def told(kind: str) -> list[str]:
        return [body["subject"] for body in hooks.heard("works") if body["kind"] == kind]

    def listed(*words: str) -> Any:
        code, output = processes.run(place, *ORCHESTRATE, *words, "-o", "json")
        assert code == 0, output
        return json.loads(output)

    def statuses() -> dict[str, str]:
        return {agent["name"]: agent["status"] for agent in listed("agents", "list")}

    victim = processes.workers(place, *WORKER, ONE)
    watcher = processes.workers(place, *WORKER, OTHER, "heartbeat_monitor")
    eventually((place.home / "orchestration.db").exists, within=60)
    eventually(lambda: statuses().get(ONE) == statuses().get(OTHER) == "running", within=60)
    victim.tell_group(signal.SIGKILL)
    eventually(lambda: told("agent_silent") == [ONE], within=90)
    assert statuses()[ONE] == "silent"
    processes.workers(place, *WORKER, ONE)
    eventually(lambda: told("agent_recovered") == [ONE], within=90)
    assert statuses()[ONE] == "running"
    found = {alert["kind"]: alert for alert in listed("alerts", "list")}
    assert found["agent_silent"]["status"] == "waiting"
    assert "status 500" in found["agent_silent"]["problem"]
    assert f"alert agent_silent: agent {ONE} is silent" in watcher.output
    assert SECRET not in watcher.output + json.dumps(found)
