"""`orchestrate status` while the broker cannot be used: why, the cure, and the store's facts."""

import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.client import Client
from orchestration.engine import Engine, alerts
from orchestration.store.alerts import AlertKind
from orchestration.views import fleet
from tests.cli.conftest import Cli

CASES = [
    ("amqp://guest:hunter22@127.0.0.1:1/x", "Connection refused", "rabbitmq-server"),
    ("amqp://guest:hunter22@nowhere.invalid/x", "not known", "host in RABBITMQ_URL"),
]
SERVED = [
    ("amqp://guest:hunter22@{place}", "Login was refused", "authenticate_user guest"),
    ("amqp://guest:guest@{server}/not-there", "not found", "rabbitmqctl add_vhost not-there"),
    ("amqps://guest:guest@{place}", "SSL", "amqp://"),
]


def test_embedded_has_no_broker(client: Client, values: Callable[..., Any]) -> None:
    del client
    assert values("status")["broker"] is None


@pytest.mark.parametrize(("url", "problem", "cure"), CASES)
def test_a_broker_that_is_away_is_told_with_its_cure(
    url: str,
    problem: str,
    cure: str,
    client: Client,
    values: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del client
    monkeypatch.setenv("RABBITMQ_URL", url)
    tells_the_trouble(values("status"), problem, cure)


@pytest.mark.rabbitmq
@pytest.mark.parametrize("case", SERVED)
def test_a_broker_that_refuses_us_is_told_with_its_cure(
    case: tuple[str, str, str],
    vhost: str,
    client: Client,
    values: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del client
    form, problem, cure = case
    place = vhost.rpartition("@")[2]
    url = form.format(place=place, server=place.partition("/")[0])
    monkeypatch.setenv("RABBITMQ_URL", url)
    tells_the_trouble(values("status"), problem, cure)


@pytest.mark.rabbitmq
def test_a_vhost_that_is_not_ours_is_told_with_the_line_that_permits_it(
    vhost: str, client: Client, values: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    del client
    name = vhost.rpartition("/")[2]
    subprocess.run(["rabbitmqctl", "-q", "clear_permissions", "-p", name, "guest"], check=True)
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    cure = f"rabbitmqctl set_permissions -p {name} guest"
    tells_the_trouble(values("status"), "access to vhost", cure)


def test_a_server_that_says_nothing_does_not_hold_us_up(
    client: Client, values: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    del client
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("RABBITMQ_URL", f"amqp://guest:hunter22@127.0.0.1:{port}/x")
        tells_the_trouble(values("status"), "imeout", "stands still")


@pytest.mark.rabbitmq
def test_a_broker_that_can_be_used_is_no_trouble(
    vhost: str,
    client: Client,
    cli: Cli,
    values: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del client
    monkeypatch.setenv("RABBITMQ_URL", vhost)
    broker = values("status")["broker"]
    assert (broker["reachable"], broker["problem"], broker["cure"]) == (True, None, None)
    assert "cannot be used" not in cli("status").stdout


def test_people_read_the_trouble_in_the_first_line(
    client: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    del client
    monkeypatch.setenv("RABBITMQ_URL", "amqp://guest:hunter22@127.0.0.1:1/x")
    first, _, rest = cli("status").stdout.partition("\n")
    assert first.startswith("RabbitMQ at amqp://127.0.0.1:1/x cannot be used")
    assert "rabbitmq-server" in first
    assert "workflows" in rest


def test_a_bound_of_counting_is_told_to_people_only_where_it_is_reached(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("run", "job")
    told = cli("status").stdout
    assert "counted" not in told
    monkeypatch.setattr(fleet, "MOST_COUNTED", 1)
    told = cli("status").stdout
    assert "counted_to" not in told
    assert "of ended runs no more than 1 are counted in each status" in told


def tells_the_trouble(status: dict[str, Any], problem: str, cure: str) -> None:
    broker = status["broker"]
    assert broker["reachable"] is False
    assert problem in broker["problem"]
    assert cure in broker["cure"]
    assert "hunter22" not in str(status)
    assert "pending" in status["workflows"], "the store's facts are there all the same"


def test_alerts_are_listed_newest_first(
    engine: Engine, cli: Cli, values: Callable[..., Any]
) -> None:
    for number in range(3):
        kind, subject = AlertKind.AGENT_SILENT, f"agent_{number}"
        engine.commit(lambda tx, k=kind, s=subject: alerts.alert(tx, k, s, f"{s} is silent"))  # type: ignore[misc]
    found = values("alerts", "list", "--limit", "2")
    assert [each["subject"] for each in found] == ["agent_2", "agent_1"]
    assert found[0]["status"] == "waiting"
    engine.commit(lambda tx: alerts.end(tx, AlertKind.AGENT_SILENT, "agent_1"))
    statuses = [each["status"] for each in values("alerts", "list")]
    assert statuses == ["waiting", "over", "waiting"]
    assert found[0].keys() == {
        "id", "kind", "subject", "message", "workflow_id", "raised_at", "times", "status",
        "tries", "problem",
    }  # fmt: skip
    assert "agent_2 is silent" in cli("alerts", "list").stdout
    assert values("status")["alerts"][0]["subject"] == "agent_2"
