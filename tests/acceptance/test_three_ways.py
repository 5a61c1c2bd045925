"""The same workflows embedded, on RabbitMQ, and with each agent replaced by a program outside."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from actors import app, names
from orchestration.client import Client
from orchestration.engine.by import By
from orchestration.handles import Handle
from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store import agents, configuration
from tests.acceptance import outside_program
from tests.acceptance.outside_program import DONE
from tests.acceptance.processes import Processes, Workplace
from tests.acceptance.promises import VALIDATION
from tests.actors.markets import KEYS
from tests.actors.stub_vendors import StubVendors, serving
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(120)]

PATIENCE_S = 60.0
EVERYBODY = "asking_agents", "validating_system_health"
DOES = {
    names.MANAGEMENT: {
        "stopping_rq_workers",
        "updating_configuration",
        "enabling_real_trading",
        "generating_recommendations",
        "asking_agents",
    },
    names.DISCOVERY_ALGORITHM: {
        "restarting_discovery_service",
        "updating_algorithms",
        "testing_data_flow",
        "optimizing_parameters",
        "scanning",
        *EVERYBODY,
    },
    names.DATA_VALIDATION: {
        "validating_data_connections",
        "preparing_validation_data",
        "asking_agents",
    },
    names.API_INTEGRATION: {"switching_data_sources", *EVERYBODY},
    names.BACKTESTING: {"running_backtests", "analyzing_performance", "asking_agents"},
    names.CACHING_PERFORMANCE: {"clearing_job_queue", *EVERYBODY},
    names.MONITORING_ALERTING: {"reporting", "collecting_acknowledgements", "asking_agents"},
}


@dataclass
class Played:
    """What came of the commands in one way of running them.

    Attributes:
        texts: Results that must be the same to the byte, by command.
        facts: What else must be the same.
    """

    texts: dict[str, bytes]
    facts: dict[str, Any]


@pytest.fixture(scope="module")
def vendors() -> Iterator[Mapping[str, str]]:
    """The settings that lead to three vendors on this machine."""
    with serving() as stub:
        yield settings_of(stub)


def settings_of(stub: StubVendors) -> dict[str, str]:
    addresses = dict.fromkeys(("POLYGON_URL", "YAHOO_URL", "ALPHA_VANTAGE_URL"), stub.url)
    rates = ("POLYGON_RATE", "YAHOO_RATE", "ALPHA_VANTAGE_RATE")
    keys = {
        "POLYGON_API_KEY": KEYS["polygon"],
        "ALPHA_VANTAGE_API_KEY": KEYS["alpha_vantage"],
    }
    return {**addresses, **dict.fromkeys(rates, "999/second"), **keys, "HEARTBEAT_INTERVAL": "2"}


@pytest.fixture(scope="module")
def seen() -> dict[str, Played]:
    """What the first of these tests has seen, for those that follow."""
    return {}


@pytest.fixture
def wanted(
    seen: dict[str, Played], vendors: Mapping[str, str], processes: Processes, tmp_path: Path
) -> Played:
    """What comes of the commands without any broker."""
    if not seen:
        place = Workplace(tmp_path / "embedded", more=vendors)
        processes.start(place, sys.executable, "-m", "orchestration", "serve")
        seen["embedded"] = at(place)
        assert seen["embedded"].facts["health"] == ["healthy", 7, 7]
        assert seen["embedded"].facts["stop"] == [[], 0]
    return seen["embedded"]


@pytest.mark.parametrize("agent", ["", *names.ALL_AGENT_NAMES])
def test_the_same_comes_of_all_commands_on_rabbitmq_and_with_each_agent_outside(
    agent: str, wanted: Played, place: Workplace, processes: Processes
) -> None:
    place = replace(place, more={**place.more, "OUTSIDE_AGENTS": agent})
    processes.workers(place, "actors", "-p", "1", "-t", "8")
    if not agent:
        assert at(place) == wanted
        return
    program = processes.start(place, sys.executable, "-m", outside_program.__name__, agent)
    assert at(place, agent) == wanted
    done = [line for line in program.output.splitlines() if line.startswith(DONE)]
    assert {line.removeprefix(DONE).split()[0] for line in done} == DOES[agent]


@pytest.fixture
def place(vendors: Mapping[str, str], vhost: str, tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "home", vhost, more=vendors)


def at(place: Workplace, outside: str | None = None) -> Played:
    """What comes of the commands at a workplace, once an outside agent is there."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.settings.items():
            patch.setenv(name, value)
        with Client(app=app) as client:
            if outside is not None:
                eventually(lambda: has_beaten(client, outside), within=PATIENCE_S)
            return play(client)


def has_beaten(client: Client, agent: str) -> bool:
    return client.engine.store.read(lambda s: agents.last_heartbeat(s, agent)) is not None


def play(client: Client) -> Played:
    """Let everything happen once."""
    asked = {
        "validate_algorithms": client.start("validate_algorithms", VALIDATION | {"seed": 7}),
        "discover": client.start("discover"),
    }
    health = client.start("health_check").result(PATIENCE_S)
    texts = {name: json.dumps(run.result(PATIENCE_S)).encode() for name, run in asked.items()}
    restart = client.start("restart_discovery_system", {"strategy": "legacy_v0"})
    restarted = restart.result(PATIENCE_S)
    integration = integrated(client)
    report = client.start("status_report").result(PATIENCE_S)
    stop = client.start("emergency_stop", {"reason": "all was seen"}).result(PATIENCE_S)
    facts = {
        "health": [health["status"], health["asked"], health["healthy"]],
        "restart": [restarted["active_strategy"], restarted["cleared"]["kept"]],
        "integration": integration,
        "report": [report["workflows"]["completed"], sorted(report["queues"])],
        "stop": [stop["silent"], stop["left"]],
        "configuration": client.engine.store.read(configured),
    }
    return Played(texts, facts)


def integrated(client: Client) -> Any:
    """What comes of real data, once a person has approved."""
    run = client.start("integrate_real_data")
    eventually(lambda: run.phase() is RunStatus.WAITING or ended(run), within=PATIENCE_S)
    client.engine.approve(
        run.workflow_id,
        "enabling_real_trading",
        client.engine.shown(run.workflow_id, "enabling_real_trading"),
        By("ann", "looks right"),
    )
    return run.result(PATIENCE_S)


def ended(run: Handle) -> bool:
    assert not run.phase().ended, run.status()["error_messages"]
    return False


def configured(session: Session) -> list[tuple[str, int, Any, str | None, str]]:
    """Every version of what the fleet goes by, and who set it."""
    found = configuration.history(session, None, 100)
    return sorted((each.name, each.version, each.value, each.step, each.actor) for each in found)
