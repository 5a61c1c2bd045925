"""A health check asks the outside agents as well, and waits for none that is absent."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.names import ALL_AGENT_NAMES, BACKTESTING, DATA_VALIDATION
from orchestration.engine import outside
from orchestration.store import control, runs
from tests.bus.orchestra import Orchestra, environment, playing
from tests.eventually import eventually

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(120)]

OUTSIDE = (DATA_VALIDATION, BACKTESTING)


@pytest.fixture
def orchestra(vhost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orchestra]:
    environment(monkeypatch, vhost, tmp_path)
    monkeypatch.setenv("ORCHESTRATION_APP", "actors")
    monkeypatch.setenv("OUTSIDE_AGENTS", ",".join(OUTSIDE))
    with playing(vhost) as found:
        yield found


def test_an_answer_from_outside_counts_and_an_absent_agent_is_reported(
    orchestra: Orchestra,
) -> None:
    asker, present = orchestra.peer("asker"), orchestra.peer(DATA_VALIDATION)
    sent = asker.order("health_check", {"detailed": True})
    command = present.commanded("health_check")
    assert command["payload"]["parameters"] == {"detailed": True}
    answer = {"status": "healthy", "facts": {"feeds": 3}}
    said = {"status": "completed", "result": answer}
    present.say("response", said, correlation_id=command["id"])
    final = asker.final(sent, within=20)
    assert final["status"] == "completed"
    report: dict[str, Any] = final["result"]
    assert set(report["agents"]) == set(ALL_AGENT_NAMES)
    assert report["agents"][DATA_VALIDATION] == answer
    assert (report["status"], report["unhealthy"]) == ("degraded", [BACKTESTING])
    assert "no result and no progress in time" in str(report["agents"][BACKTESTING]["error"])


def test_the_time_before_an_agent_was_awaited_counts_as_heard(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "LAPSE", timedelta(0))  # as if nobody had been awaited for long
    asker = orchestra.peer("asker")
    asker.final(asker.order("status_report", {}))
    run_id = asker.run_of(asker.order("health_check", {}))
    began = orchestra.read(lambda s: runs.get(s, run_id)).created_at

    def listened_from() -> datetime | None:
        found = orchestra.read(control.listened)
        return found[0] if found and found[1] > began else None

    since = eventually(listened_from, within=20)
    assert since is not None
    assert since < began


def test_who_begins_to_listen_says_so_though_no_agent_is_awaited(orchestra: Orchestra) -> None:
    eventually(lambda: orchestra.read(control.listened), within=20)


def test_the_status_report_has_all_that_the_contract_lists(orchestra: Orchestra) -> None:
    asker = orchestra.peer("asker")
    asker.publish(b"not json", "command.orchestration")
    asker.final(asker.order("validate_algorithms", {"symbols": ["NONE"]}), within=60)
    final = asker.final(asker.order("status_report", {}), within=60)
    report: dict[str, Any] = final["result"]
    assert {"agents", "queues", "workflows", "success_rate", "uptime_seconds"} <= report.keys()
    assert set(ALL_AGENT_NAMES) - set(OUTSIDE) <= {agent["name"] for agent in report["agents"]}
    assert report["workflows"]["failed"] + report["workflows"]["completed"] >= 0
    assert report["uptime_seconds"] > 0
    assert "dead_letters" in {alert["kind"] for alert in report["alerts"]}
