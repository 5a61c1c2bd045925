"""Every expression of the dashboard and of the alert rules, asked of a real Prometheus.

It scrapes a real server over the store of real workers on RabbitMQ, and nothing is made up.
"""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from orchestration.bus.address import Address
from orchestration.clock import SystemClock
from orchestration.metrics import CATALOGUE
from orchestration.runtime.look import rabbitmq_status
from orchestration.store import outbox
from orchestration.store.connect import open_store
from tests.acceptance.node import free_port
from tests.acceptance.processes import ROOT, Processes, Workplace
from tests.bus.peer import Peer
from tests.eventually import eventually
from tests.prometheus import RULES, Prometheus, program, scraping

pytestmark = [pytest.mark.rabbitmq, pytest.mark.prometheus, pytest.mark.timeout(300)]

ORCHESTRATE = (sys.executable, "-m", "orchestration")
DASHBOARD = ROOT / "deploy" / "grafana" / "fleet.json"
BACKLOG = "orchestration_outbox_oldest_message_timestamp_seconds"
COMPARED = re.compile(r" (?:>|==|<) [\d.* ]+$")


def asked_by_the_dashboard(instance: str) -> list[str]:
    """Its expressions, as Grafana would ask them."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(found) > 40
    return [each.replace("$instance", instance).replace("$__rate_interval", "1m") for each in found]


def measured(expression: str) -> str:
    """What an expression measures, before it compares: that always has series."""
    if absent := re.fullmatch(r"absent\((.+)\)", expression):
        return absent[1]
    expression = expression.partition(" and ")[0].strip()
    return re.sub(r"\[(\w+):\w+\]", r"[\1:1s]", COMPARED.sub("", expression))


def test_the_alerts_fire_when_they_should() -> None:
    words = [program("promtool"), "test", "rules", str(RULES.with_name("alerts_test.yml"))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))
    assert re.findall(r"- name: (\w+)", Path(words[-1]).read_text("utf-8")) == names


def test_every_expression_yields_series(vhost: str, processes: Processes, tmp_path: Path) -> None:
    port = free_port()
    more = {"MAX_CONCURRENT_WORKFLOWS": "1", "PORT": str(port), "ORCHESTRATION_HOST": "127.0.0.1"}
    place = Workplace(tmp_path / "home", vhost, app="tests.cli.sample", more=more)
    workers = processes.workers(place, "tests.cli.sample", "-p", "1", "-t", "4")
    eventually((place.home / "orchestration.db").exists, within=60)
    web = processes.start(place, *ORCHESTRATE, "web")
    with scraping(f"127.0.0.1:{port}", tmp_path / "prometheus") as server:
        eventually(lambda: rabbitmq_status(Address(vhost))["is_consuming"], within=60)
        occupy(vhost, place, server)
        asked = asked_by_the_dashboard(f"127.0.0.1:{port}")
        asked += [rule["query"] for rule in server.alerts().values()]
        assert all(rule["health"] == "ok" for rule in server.alerts().values())
        for expression in (each for each in asked if BACKLOG not in each):
            answered(server, expression)
        check_metrics(port)
        workers.tell_group(signal.SIGKILL)
        workers.wait(30)
        say_nothing(place)
        for expression in (each for each in asked if BACKLOG in each):
            answered(server, expression)
        web.tell(signal.SIGTERM)


def answered(server: Prometheus, expression: str) -> None:
    """What an expression measures has series, and the whole of it can be asked."""
    server.query(expression)
    eventually(lambda: server.query(measured(expression)), within=30, what=expression)


def occupy(vhost: str, place: Workplace, server: Prometheus) -> None:
    """Let one run work, one wait for its slot, and others end: Prometheus sees each of them."""
    peer = Peer(vhost, "asker")
    for _ in range(3):
        peer.order("job", {})
        peer.order("bad", {})
    peer.order("gate", {"path": str(place.home / "never")})
    peer.order("job", {})
    peer.publish(b"rubbish", "command.orchestration")
    peer.connection.close()

    seen = {
        'orchestration_runs_ended_total{command="bad",status="failed"} == 3',
        'orchestration_runs_ended_total{command="job",status="completed"} >= 3',
        'orchestration_runs{status="running"} == 1',
        'orchestration_runs{status="pending"} == 1',
        'orchestration_dead_letters_total{reason="bad_json"} == 1',
        'orchestration_attempts_total{command="job",outcome="completed"} > 0',
    }
    for expression in sorted(seen):
        eventually(lambda e=expression: server.query(e), within=60, what=expression)  # type: ignore[misc]


def check_metrics(port: int) -> None:
    """Prometheus' own check of names, types and helps finds nothing, and no metric is left out."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    words = [program("promtool"), "check", "metrics"]
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    assert told == {metric.name for metric in CATALOGUE} - {BACKLOG}


def say_nothing(place: Workplace) -> None:
    """Write something to say, while nobody is there to say it."""
    store = open_store(f"sqlite:///{place.home / 'orchestration.db'}").store
    now = SystemClock().now()
    store.write(lambda s: outbox.say(s, "topic", "status.asker", "{}", now, None))
    store.close()
