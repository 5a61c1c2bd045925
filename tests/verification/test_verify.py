"""`orchestrate verify`: the guide's scenarios and report, and no trace of them afterwards."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestration.bus.address import Address
from orchestration.bus.apart import connect
from orchestration.cli.root import root
from orchestration.errors import CheckFailedError
from orchestration.messages import EXCHANGE
from orchestration.runtime.reach import connected
from orchestration.store import agents, dead_letters, runs
from orchestration.verification import scenarios
from orchestration.verification.cable import Cable
from orchestration.verification.stage import until
from tests.acceptance.node import free_port
from tests.bus.orchestra import environment, playing
from tests.rabbitmq import control

Verify = Callable[..., Result]

SUMMARY = """\
📊 RABBITMQ ORCHESTRATION TEST REPORT
========================================
📈 TEST SUMMARY:
   • Total Tests: 5
   • Passed: {passed}
   • Failed: {failed}
   • Errors: 0
   • Skipped: {skipped}
   • Success Rate: {rate}%
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RABBITMQ_URL", "CLOUDAMQP_URL", "RABBITMQ_HOST", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORCHESTRATION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def verify(home: Path) -> Verify:
    del home

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(root, ["verify", *words], prog_name="orchestrate")
        assert result.exit_code == code, result.output
        return result

    return run


def names(url: str, what: str) -> str:
    """Everything of a kind in a vhost."""
    return control(f"list_{what}", "-p", url.rpartition("/")[2])


def all_names(url: str) -> list[str]:
    return [names(url, what) for what in ("queues", "exchanges", "bindings")]


def test_without_a_broker_four_scenarios_are_played_and_one_is_skipped(
    verify: Verify, home: Path
) -> None:
    said = verify("--simulate").output
    summary = SUMMARY.format(passed=4, failed=0, skipped=1, rate="100.0")
    assert said.startswith(summary), "the guide's report"
    assert re.search(r"connection and queue setup: skipped, [\d.]+ s: it needs a broker", said)
    assert re.search(r"performance: passed, [\d.]+ s: \d+ messages/s", said)
    assert not home.exists(), "the user's store is not touched"


def test_programs_get_the_same_as_json(verify: Verify) -> None:
    found = json.loads(verify("--simulate", "-o", "json").stdout)
    assert (found["total"], found["passed"], found["skipped"]) == (5, 4, 1)
    assert found["success_rate"] == 100.0
    assert {each["outcome"] for each in found["scenarios"]} == {"passed", "skipped"}
    assert all(each["duration_seconds"] >= 0 for each in found["scenarios"])


def test_too_slow_is_failed(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "FEWEST_A_SECOND", 1e12)
    said = verify("--simulate", code=1).output
    assert SUMMARY.format(passed=3, failed=1, skipped=1, rate="75.0") in said
    assert "messages/s, expected 1000000000000 or more" in said


def test_a_scenario_that_cannot_be_finished_is_an_error(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ConnectionResetError("gone")

    monkeypatch.setattr(scenarios, "kept", away)
    found = json.loads(verify("--simulate", "-o", "json", code=1).stdout)
    assert (found["errors"], found["success_rate"]) == (1, 75.0)
    assert found["scenarios"][-1]["detail"] == "ConnectionResetError: gone"


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(CheckFailedError, match="a miracle: not within"):
        asyncio.run(until(lambda: False, "a miracle", within=0.1))


@pytest.mark.parametrize("url", [None, "amqp://guest:guest@127.0.0.1:1/v"])
def test_without_a_broker_the_exit_code_is_3(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    if url is not None:
        monkeypatch.setenv("RABBITMQ_URL", url)
    said = verify(code=3).stderr
    assert said.count("\n") == 1
    assert ("--simulate" if url is None else "start the server") in said


@pytest.mark.rabbitmq
def test_on_a_broker_all_five_pass_and_nothing_is_left(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, vhost: str, home: Path
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    monkeypatch.setenv("REQUIRE_USER_ID", "true")
    before = all_names(vhost)
    said = verify().output
    assert said.startswith(SUMMARY.format(passed=5, failed=0, skipped=0, rate="100.0"))
    assert "no orchestration_queue yet" in said
    assert "went on after every connection was cut" in said
    assert all_names(vhost) == before
    assert not home.exists()


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_a_live_installation_notices_nothing(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, vhost: str, tmp_path: Path
) -> None:
    environment(monkeypatch, vhost, tmp_path / "live")
    with playing(vhost) as live:
        before = all_names(vhost)
        known = {each.name for each in live.read(agents.everyone)}
        said = verify().output
        assert SUMMARY.format(passed=5, failed=0, skipped=0, rate="100.0") in said
        assert re.search(r"orchestration_queue has 0 messages and [1-9]\d* consumers?", said)
        assert all_names(vhost) == before
        assert live.read(lambda s: runs.newest(s, 10)) == []
        assert live.read(lambda s: dead_letters.newest(s, 10)) == []
        assert {each.name for each in live.read(agents.everyone)} == known


@pytest.mark.acceptance
@pytest.mark.rabbitmq
def test_a_queue_that_refuses_agents_is_failed_with_its_cure(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, vhost: str
) -> None:
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    with connected(Address(vhost)) as connection:
        connection.channel().queue_declare("orchestration_queue", durable=True)
    said = verify(code=1).output
    assert SUMMARY.format(passed=4, failed=1, skipped=0, rate="80.0") in said
    assert "rabbitmqctl delete_queue orchestration_queue" in said


@pytest.mark.rabbitmq
def test_what_is_left_by_one_that_was_killed_goes_by_itself(vhost: str) -> None:
    corner = Address(vhost, prefix="verify_test_")
    with connect(corner, "test") as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare("left", durable=True, arguments={"x-max-length": 1})
        channel.queue_bind("left", EXCHANGE, "x")
    lines = names(vhost, "queues").splitlines()
    assert any(line.startswith("verify_test_left") for line in lines)
    said = control("list_queues", "-p", vhost.rpartition("/")[2], "name", "arguments")
    assert '{"x-expires",60000}' in said.replace(" ", "")
    control("delete_queue", "-p", vhost.rpartition("/")[2], "verify_test_left")
    assert "verify_test" not in names(vhost, "exchanges"), "it goes with its last queue"


def test_a_cable_that_leads_nowhere_is_cut() -> None:
    async def scenario() -> Any:
        async with Cable("127.0.0.1", free_port()) as cable:
            reader, writer = await asyncio.open_connection("127.0.0.1", cable.here)
            try:
                return await reader.read(1)
            except ConnectionResetError:
                return b""
            finally:
                writer.close()

    assert asyncio.run(scenario()) == b""
