"""Discovery finds what the active strategy finds; a restart makes a strategy the active one."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from actors import app
from actors.agents import discovery_algorithm
from actors.discovery import configured, jobs
from actors.discovery.configured import configured_controller
from actors.discovery.errors import WorkersBusyError
from actors.discovery.own_workers import OwnWorkers
from actors.discovery.rq_controller import RqController
from actors.discovery.service import Hook, Platform, Subprocess, service_of
from actors.errors import AbandonedError
from actors.names import DISCOVERY_ALGORITHM
from actors.parameters import Discover
from orchestration import settings
from orchestration.errors import ConfigurationError
from orchestration.store import configuration
from orchestration.testbed import Fleet
from tests.actors.rq_fleet import Heard, SomeSteps, context_of

SHORT = timedelta(seconds=1)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.delenv("REDIS_URL", raising=False)
    found = Fleet(app)
    yield found
    found.close()


def test_a_scan_of_chosen_symbols_is_published() -> None:
    heard = Heard()
    asked = Discover(symbols=("IBM", "AAPL"))
    found = discovery_algorithm.scan(context_of("scanning", heard, parameters=asked))
    assert {each["symbol"] for each in found["others"]} == {"IBM", "AAPL"}
    assert found["strategy"] == "hybrid_v1"
    assert heard.emitted == [("discovery_results", found)]


def test_the_probe_of_rq_says_who_would_work() -> None:
    assert jobs.probe()["pid"] == os.getpid()


def test_a_restart_of_our_own_workers_activates_the_strategy(fleet: Fleet) -> None:
    assert fleet.start("discover").result()["strategy"] == "hybrid_v1"
    handle = fleet.start("restart_discovery_system", {"strategy": "legacy_v0"})
    result = handle.result()
    assert (result["active_strategy"], result["before"]) == ("legacy_v0", None)
    assert {result[name]["controller"] for name in ("stopped", "cleared", "restarted")} == {"own"}
    found = fleet.engine.store.read(lambda s: configuration.history(s, "active_strategy", 10))
    assert [(each.version, each.value, each.step) for each in found] == [
        (1, "legacy_v0", "updating_configuration")
    ]
    assert fleet.start("discover", {"symbols": ["MSFT"]}).result()["strategy"] == "legacy_v0"
    audited = fleet.engine.store.read(lambda s: s.all("SELECT action FROM audit ORDER BY id"))
    assert [action for (action,) in audited] == ["pause_agent", "resume_agent"]
    asked = [call.agent for call in fleet.calls if call.action == "health_check"]
    assert sorted(asked) == [
        "api_integration_agent",
        "caching_performance_agent",
        "discovery_algorithm_agent",
    ]


def test_an_ill_agent_fails_the_restart_with_its_reason(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.fail_next("api_integration_agent", "health_check", OSError("the line is dead"))
    handle = fleet.start("restart_discovery_system")
    fleet.advance(timedelta(minutes=1))
    status = handle.status()
    assert status["status"] == "failed"
    assert any("the line is dead" in each for each in status["error_messages"])
    assert "resume_discovery" in {call.action for call in fleet.calls}
    found = fleet.engine.store.read(lambda s: configuration.current(s, "active_strategy"))
    assert found is None


@pytest.mark.parametrize("force", [False, True])
def test_our_own_workers_are_waited_for_and_not_left_paused(force: bool) -> None:  # noqa: FBT001
    steps = SomeSteps(1)
    with pytest.raises(WorkersBusyError, match="1 step of discovery_algorithm_agent") as error:
        OwnWorkers().stop(context_of("stopping", fleet=steps), force=force, grace=SHORT)
    assert ("force_stop does not" in str(error.value)) is force
    assert steps.paused == []


def test_discovery_is_paused_until_its_queue_is_seen_to() -> None:
    steps = SomeSteps(0)
    OwnWorkers().stop(context_of("stopping", fleet=steps), force=False, grace=SHORT)
    assert steps.paused == [DISCOVERY_ALGORITHM]
    answer = OwnWorkers().clear(context_of("clearing", fleet=steps))
    assert answer["jobs"]["queued"] == {"before": 2, "after": 2}
    assert "durable run" in answer["reason"]
    assert steps.paused == []


def test_an_attempt_that_is_late_leaves_discovery_at_work() -> None:
    steps = SomeSteps(0)
    context = context_of("stopping", Heard(cancelled=True), fleet=steps)
    with pytest.raises(AbandonedError):
        OwnWorkers().stop(context, force=False, grace=SHORT)
    assert steps.paused == []


@pytest.mark.parametrize(
    ("more", "service"),
    [
        ({}, Platform),
        ({"DISCOVERY_COMMAND": "rq worker"}, Subprocess),
        ({"DISCOVERY_HOOK": "systemctl restart discovery"}, Hook),
    ],
)
def test_the_settings_say_who_starts_the_workers(
    more: dict[str, str], service: type[object]
) -> None:
    assert isinstance(service_of(settings.load(more)), service)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(configured, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"fleet-orchestration\[rq\]"):
        configured_controller()


@pytest.mark.parametrize("setting", ["DISCOVERY_COMMAND", "DISCOVERY_HOOK"])
def test_what_starts_the_workers_logs_to_the_fleets_home(setting: str, tmp_path: Path) -> None:
    words = {setting: "rq worker", "ORCHESTRATION_HOME": str(tmp_path)}
    assert str(tmp_path / "discovery.log") in service_of(settings.load(words)).advice


def test_two_ways_to_start_the_workers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="are both set: unset one"):
        settings.load({"DISCOVERY_COMMAND": "rq worker", "DISCOVERY_HOOK": "true"})


def test_redis_asks_for_the_control_of_rq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert isinstance(configured_controller(), RqController)
