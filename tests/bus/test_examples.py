"""The example agents, in Python and in Node.js, do a step of the fleet's own workflow."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bus.orchestra import Orchestra, environment, playing
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.acceptance]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "agents"
NAME = "data_validation_agent"
QUICK = {"strategies": ["hybrid_v1"], "optimization_iterations": 2}


def in_python(_home: Path) -> tuple[Sequence[str], Path]:
    return [sys.executable, "agent.py"], EXAMPLES / "python"


def in_node(home: Path) -> tuple[Sequence[str], Path]:
    """Install what the agent needs beside a copy of it; the registry is npm's own affair."""
    copy = home / "node"
    shutil.copytree(EXAMPLES / "node", copy, ignore=shutil.ignore_patterns("node_modules"))
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        leave_out("no Node.js on this machine")
    install = [str(npm), "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    found = subprocess.run(install, cwd=copy, capture_output=True, text=True, check=False)
    if found.returncode:
        leave_out(f"npm could not install amqplib: {found.stderr.strip()}")
    return [str(node), "agent.js"], copy


def leave_out(why: str) -> None:
    """Skip loudly; where CI=true that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(f"{why}: the agent in Node.js was left out")


@contextmanager
def running(command: Sequence[str], place: Path) -> Iterator[None]:
    """An agent's process, as long as the block lasts."""
    prices = ROOT / "trading" / "data" / "stocks.csv.gz"
    environ = {**os.environ, "PRICES": str(prices), "HEARTBEAT_INTERVAL": "1"}
    with subprocess.Popen(
        command, cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            print(process.communicate(timeout=10)[0])  # noqa: T201 - shown where a test fails


@pytest.fixture
def fleet(vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orchestra]:
    """AMC-TRADER's own fleet, its data validation agent excepted."""
    environment(monkeypatch, vhost, tmp_path)
    monkeypatch.setenv("ORCHESTRATION_APP", "actors")
    monkeypatch.setenv("OUTSIDE_AGENTS", NAME)
    with playing(vhost) as found:
        yield found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("agent", [in_python, in_node])
def test_it_beats_does_the_first_step_and_answers_for_its_health(
    fleet: Orchestra, tmp_path: Path, agent: Any
) -> None:
    with running(*agent(tmp_path)):
        eventually(lambda: fleet.known(NAME) and beats(fleet), within=30)
        known = fleet.known(NAME)
        assert known is not None
        assert "prepare_validation_data" in known.capabilities
        validation = ended(fleet, "validate_algorithms", QUICK)
        health = ended(fleet, "health_check", {})
    assert validation["error_messages"] == []
    assert validation["status"] == "completed"
    assert validation["result"]["data"]["bars"] == 2760
    sql = "SELECT worker FROM steps WHERE step = 'preparing_validation_data'"
    assert fleet.read(lambda s: s.one(sql)) == (f"outside:{NAME}",)
    assert health["result"]["status"] == "healthy"
    assert health["result"]["agents"][NAME]["agent"] == NAME


def beats(fleet: Orchestra) -> bool:
    known = fleet.known(NAME)
    return known is not None and known.last_heartbeat is not None


def ended(fleet: Orchestra, command: str, parameters: dict[str, Any]) -> dict[str, Any]:
    run_id = asyncio.run(fleet.agent.receive_command(command, parameters))["workflow_id"]
    eventually(lambda: fleet.status(run_id)["ended_at"], within=90)
    return fleet.status(run_id)
