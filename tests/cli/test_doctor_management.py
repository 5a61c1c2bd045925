"""`orchestrate doctor` by the management API of a node of the test's own."""

import json
from pathlib import Path

import pika
import pytest
from click.testing import CliRunner

from orchestration.bus import topology
from orchestration.bus.address import Address
from orchestration.bus.management import Management
from orchestration.cli.root import root
from orchestration.client import Client
from orchestration.errors import BrokerError
from tests.acceptance.node import HOST, free_port, node_in
from tests.eventually import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.rabbitmq, pytest.mark.timeout(300)]

PATIENCE_S = 60.0


def test_the_policy_is_set_by_the_management_api(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    del client
    port = free_port()
    api = f"http://{HOST}:{port}"
    more = f"management.tcp.ip = {HOST}\nmanagement.tcp.port = {port}\n"
    monkeypatch.setenv("RABBITMQ_MANAGEMENT_URL", api)
    with node_in(tmp_path / "node", more, ("rabbitmq_management",)) as node:
        node.wait()
        monkeypatch.setenv("RABBITMQ_URL", node.url)
        eventually(lambda: answers(Address(node.url), api), within=PATIENCE_S)
        with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
            topology.declare(connection.channel())
        words = ["doctor", "--fix", "-o", "json"]
        result = CliRunner().invoke(root, words, prog_name="orchestrate")
        found = {each["check"]: each for each in json.loads(result.stdout)}
        assert found["bindings"]["level"] == "ok"
        kept = "'orchestration_dead' is set now, by the management API"
        assert found["dead-letter policy"]["what"] == kept
        assert any("RabbitMQ" in each["what"] for each in json.loads(result.stdout))
        policies = Management(Address(node.url), api).policies()
        assert [each.dead_letters for each in policies] == [True]
        told = Management(Address(node.url), api).queues()[topology.QUEUE]
        assert told == {"unacked": 0, "in_per_second": 0.0, "out_per_second": 0.0}
        (row,) = [
            each
            for each in json.loads(CliRunner().invoke(root, ["queues", "-o", "json"]).stdout)
            if each["queue"] == topology.QUEUE
        ]
        assert (row["depth"], row["unacked"], row["ready"]) == (0, 0, None)
        with pytest.raises(BrokerError, match="401"):
            Management(Address(node.url.replace("guest@", "wrong@")), api).date()


def answers(address: Address, api: str) -> bool:
    """Whether the API is up."""
    try:
        return Management(address, api).date() is not None
    except BrokerError:
        return False
