"""`orchestrate doctor` on RabbitMQ with something wrong, made for real in a vhost of its own."""

import json
import shlex
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from click.testing import CliRunner

from orchestration.bus import topology
from orchestration.bus.inspection import Inspection
from orchestration.bus.policy import OURS
from orchestration.bus.rabbitmqctl import rabbitmqctl_for
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.cli.root import root
from orchestration.client import Client
from orchestration.messages import EXCHANGE
from tests.acceptance.certificates import make_certificates
from tests.eventually import eventually
from tests.rabbitmq import control

pytestmark = [pytest.mark.acceptance, pytest.mark.rabbitmq, pytest.mark.timeout(180)]

PATIENCE_S = 20.0
Findings = dict[str, dict[str, str]]
Examine = Callable[..., Findings]


@pytest.fixture
def name(vhost: str) -> str:
    return vhost.rpartition("/")[2]


@pytest.fixture
def channel(vhost: str) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    """A channel in the vhost, in which everything of the orchestrator is declared."""
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        channel = connection.channel()
        topology.declare(channel)
        yield channel


@pytest.fixture
def examine(vhost: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Runs the doctor on the vhost; its findings by their checks."""
    del client
    monkeypatch.setenv("RABBITMQ_URL", vhost)

    def run(*words: str, code: int = 0) -> Findings:
        words = ("doctor", *words, "-o", "json")
        result = CliRunner().invoke(root, words, prog_name="orchestrate")
        assert result.exit_code == code, result.output
        return {each["check"]: each for each in json.loads(result.stdout)}

    return run


def test_what_is_missing_is_told_and_then_cured(examine: Examine, channel: Any, name: str) -> None:
    channel.queue_unbind(topology.QUEUE, EXCHANGE, "response.*")
    found = examine(code=1)
    assert found["bindings"]["what"].endswith("does not get response.*")
    assert found["dead-letter policy"]["level"] == "problem"
    assert OURS.line(name) in found["dead-letter policy"]["cure"]
    assert "response.*" not in bound(name), "it changes nothing by itself"
    cured = examine("--fix")
    assert cured["bindings"]["level"] == "ok"
    assert "is set now" in cured["dead-letter policy"]["what"]
    kept = examine("--fix")["dead-letter policy"]["what"]
    assert kept.startswith("'orchestration_dead' keeps")
    dropped_is_kept(channel)


def bound(name: str) -> str:
    """The keys of the vhost's bindings."""
    return control("list_bindings", "-p", name, "routing_key")


def dropped_is_kept(channel: Any) -> None:
    """See that what the queue lets go arrives where the orchestrator finds it."""
    channel.basic_publish(EXCHANGE, "response.x", b"lost and found")
    eventually(lambda: rejected(channel), within=PATIENCE_S)
    eventually(
        lambda: channel.basic_get(topology.DEAD_QUEUE, auto_ack=True)[2] == b"lost and found",
        within=PATIENCE_S,
    )


def rejected(channel: Any) -> bool:
    """Let the queue's first message go, if there is one."""
    method, _, _ = channel.basic_get(topology.QUEUE)
    if method is not None:
        channel.basic_reject(method.delivery_tag, requeue=False)
    return method is not None


def test_a_policy_of_somebody_else_is_left_alone_and_named(
    examine: Examine, channel: Any, name: str
) -> None:
    del channel
    definition = '{"max-length-bytes": 1000000}'
    control("set_policy", "-p", name, "--priority", "3", "theirs", "^orch", definition)
    found = examine("--fix", code=1)["dead-letter policy"]
    assert "'theirs' applies to orchestration_queue" in found["what"]
    subprocess.run(shlex.split(found["cure"].split("`")[1]), check=True, capture_output=True)
    assert "'theirs' keeps" in examine()["dead-letter policy"]["what"]


def test_without_a_way_to_ask_the_line_to_type_is_given(
    examine: Examine, channel: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del channel
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "/nowhere")
        found = examine()
    assert found["bindings"]["level"] == "warning"
    assert found["dead-letter policy"]["level"] == "warning"
    line = found["dead-letter policy"]["cure"].split("`")[1]
    assert line == OURS.line(name)
    subprocess.run(shlex.split(line), check=True, capture_output=True)
    assert examine()["dead-letter policy"]["level"] == "ok"


def test_the_tool_is_used_only_where_it_speaks_with_our_server(vhost: str, name: str) -> None:
    parameters = pika.URLParameters(vhost)
    parameters.client_properties = {"connection_name": f"named for {name}"}
    with pika.BlockingConnection(parameters):
        assert rabbitmqctl_for(name, f"named for {name}") is not None
        assert rabbitmqctl_for(name, "of another server") is None


def test_a_queue_that_was_declared_differently_is_told(
    examine: Examine, channel: Any, name: str
) -> None:
    channel.queue_delete(topology.QUEUE)
    channel.queue_declare(topology.QUEUE, durable=True, arguments={"x-message-ttl": 1})
    found = examine("--fix", code=1)
    assert "x-message-ttl" in found["queue arguments"]["what"]
    delete = f"rabbitmqctl delete_queue -p {name} orchestration_queue"
    assert delete in found["queue arguments"]["cure"]
    assert found["bindings"]["level"] == "problem"


def test_messages_that_nobody_consumes_are_a_problem(examine: Examine, channel: Any) -> None:
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish(EXCHANGE, "response.x", b"{}")
    found = examine(code=1)["queue depth"]
    assert found["what"].startswith("3 messages waiting, and nobody consumes")


def test_two_stores_on_one_vhost_are_a_problem(examine: Examine, vhost: str, name: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        VhostClaim("22222222 there:/theirs.db", vhost).make(connection)
        found = examine(code=1)["one store"]
        assert "'22222222 there:/theirs.db'" in found["what"]
        assert Inspection(connection).rival("22222222 there:/theirs.db") is None
    control("set_policy", "-p", name, OURS.name, OURS.pattern, json.dumps(OURS.definition))
    eventually(lambda: examine()["one store"]["level"] == "ok", within=60)


def test_a_server_that_refuses_a_question_is_told(
    examine: Examine, channel: Any, name: str
) -> None:
    del channel
    control("set_permissions", "-p", name, "guest", "", "", "")
    found = examine(code=3)["broker"]
    assert "ACCESS_REFUSED" in found["what"]
    assert "permissions" in found["cure"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("amqp://guest:hunter22@{place}", "Login was refused"),
        ("amqp://guest:guest@{server}/not-there", "not found"),
        ("amqp://guest:guest@127.0.0.1:1/x", "refused"),
    ],
)
def test_a_server_that_cannot_be_used_exits_3(
    url: str, problem: str, examine: Examine, vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = vhost.rpartition("@")[2]
    address = url.format(place=place, server=place.partition("/")[0])
    monkeypatch.setenv("RABBITMQ_URL", address)
    found = examine(code=3)
    assert problem in found["broker"]["what"]
    assert "hunter22" not in str(found)
    assert "dead letters" in found, "the store is looked at all the same"


def test_a_certificate_that_we_do_not_trust_is_told(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificates(tmp_path).path("server.pem"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=shake_hands, args=(context, server), daemon=True).start()
        port = server.getsockname()[1]
        monkeypatch.setenv("RABBITMQ_URL", f"amqps://guest:guest@localhost:{port}/x")
        found = examine(code=3)["broker"]
    assert "CERTIFICATE_VERIFY_FAILED" in found["what"]
    assert "RABBITMQ_CA_FILE" in found["cure"]


def shake_hands(context: ssl.SSLContext, server: socket.socket) -> None:
    """Show a certificate to the first who comes."""
    line, _ = server.accept()
    try:
        context.wrap_socket(line, server_side=True)
    except OSError:
        line.close()
