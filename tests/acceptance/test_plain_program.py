"""A program of its own process, by the setup guide alone, beside the fleet's processes."""

import json
import sys
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration.bus import topology
from tests.acceptance import plain_program
from tests.acceptance.processes import ROOT, Process, Processes, Workplace
from tests.bus import fleet
from tests.bus.test_requester import PROGRESS
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(180)]

PATIENCE_S = 60.0
ORCHESTRATE = (sys.executable, "-m", "orchestration")


def heard(program: Process) -> list[dict[str, Any]]:
    """What the program was told so far."""
    assert program.ended is None, program.output
    return [json.loads(line) for line in program.output.splitlines()]


def finals(program: Process) -> dict[str, dict[str, Any]]:
    """The final answers to its commands, by their ids."""
    every = (m for m in heard(program) if "error_messages" in m["payload"])
    return {m["correlation_id"]: m["payload"] for m in every}


def test_it_is_told_everything_does_a_step_and_fails_a_workflow(
    vhost: str, processes: Processes, tmp_path: Path
) -> None:
    more = {"OUTSIDE_AGENTS": ",".join(fleet.OUTSIDE)}
    place = Workplace(tmp_path / "home", vhost, fleet.__name__, more)
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        topology.declare(connection.channel())
    processes.workers(place, fleet.__name__, "-p", "1", "-t", "4")
    script = str(ROOT / "tests" / "acceptance" / "plain_program.py")
    alone = Workplace(tmp_path / "elsewhere", measured=False)
    program = processes.start(alone, sys.executable, "-P", script, vhost)
    eventually(lambda: len(finals(program)) == 2, within=PATIENCE_S, what="two final answers")

    mine = [m for m in heard(program) if m["correlation_id"] == "MyAgent-command"]
    first, last = mine[0], mine[-1]
    assert first["payload"]["command_received"] is True
    updates = [
        m["payload"]["progress_update"] for m in mine if m["message_type"] == "status_update"
    ]
    assert updates
    assert all(update.keys() == PROGRESS for update in updates)
    assert updates[-1]["progress"] == 1.0
    assert last["payload"]["status"] == "completed"
    failed = finals(program)["to-be-failed"]
    assert failed["status"] == "failed"
    assert failed["error_messages"] == [f"critical error of {plain_program.NAME}: no space"]

    code, listed = processes.run(place, *ORCHESTRATE, "agents", "list", "-o", "json")
    assert code == 0
    known = {row["name"]: row for row in json.loads(listed)}[plain_program.NAME]
    assert known["last_heartbeat"] is not None
    assert known["metrics"]["messages_processed"] == 42
    code, listed = processes.run(place, *ORCHESTRATE, "workflows", "list", "-o", "json")
    assert code == 0
    assert len(json.loads(listed)) == 2, "a repeated command starts nothing"
