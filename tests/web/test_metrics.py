"""What Prometheus is told over HTTP."""

import pytest

from orchestration.engine.submit import prepare
from orchestration.web.console import Console
from tests.web.browsing import Browser
from tests.web.conftest import TOKEN

PATHS = ["/metrics", "/orchestration/metrics"]


@pytest.mark.parametrize("path", PATHS)
def test_a_fleet_in_numbers(http: Browser, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert "orchestration_emergency_stop 0" in lines
    assert 'orchestration_runs{status="pending"} 0' in lines
    assert 'orchestration_runs_accepted_total{command="job"} 0' in lines
    assert "orchestration_slots 5" in lines


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_them_without_a_token(closed: Browser, path: str) -> None:
    assert closed.get(path).status_code == 401
    assert closed.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_run_is_seen(console: Console, http: Browser) -> None:
    command = prepare(console.app, "job", {}, sender="tests", run_hex="0" * 12)
    console.engine.submit(command)
    console.engine.count_events()
    lines = http.get("/metrics").text.splitlines()
    assert 'orchestration_runs_accepted_total{command="job"} 1' in lines
    assert 'orchestration_runs{status="running"} 1' in lines
