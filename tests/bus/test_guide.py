"""The setup guide's snippets: as printed, and with only the import line changed.

Where they name the vhost `/` they get the test's own.
"""

import ast
import asyncio
import inspect
import json
import logging
import re
from enum import Enum
from pathlib import Path
from types import FunctionType
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus, MessagePriority, settings, validate_message
from orchestration.bus.address import address_of
from orchestration.messages import parse
from tests.bus.hearing import play
from tests.bus.orchestra import Orchestra, environment
from tests.eventually import eventually
from tests.rabbitmq import PORT

GUIDE = (Path(__file__).parent / "guide.txt").read_text("utf-8")
SNIPPETS = dict(re.findall(r"## ([^\n]+)\n\n(.*?)\n(?=\n## |\Z)", GUIDE, re.DOTALL))
PRINTED, CHANGED = "rabbitmq_orchestration_agent", "orchestration"
modules = pytest.mark.parametrize("module", [PRINTED, CHANGED])


async def run(title: str, module: str = PRINTED, vhost: str = "/", **names: Any) -> dict[str, Any]:
    """Run a snippet, top-level `await` included, and return the names that it leaves."""
    text = SNIPPETS[title].replace(f"from {PRINTED} import", f"from {module} import")
    text = text.replace("'virtual_host': '/'", f"'virtual_host': {vhost!r}")
    text = text.replace("'port': 5672", f"'port': {PORT}")
    assert vhost == "/" or vhost in text, "a test never works on the vhost of others"
    code = compile(text, title, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = FunctionType(code, names)()
    if inspect.isawaitable(found):
        await found
    return names


def run_now(title: str, **names: Any) -> dict[str, Any]:
    return asyncio.run(run(title, **names))


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.mark.rabbitmq
@modules
def test_basic_setup_and_debug_commands(
    vhost: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: str,
) -> None:
    environment(monkeypatch, vhost, tmp_path)
    monkeypatch.delenv("RABBITMQ_URL")

    async def scenario() -> None:
        names = await run("Basic setup", module, name_of(vhost))
        orchestrator = names["orchestrator"]
        with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
            channel = connection.channel()
            await run("Debug commands", orchestrator=orchestrator, channel=channel)
            arguments = (await run("Queue configuration"))["queue_args"]
            channel.queue_declare("orchestration_queue", durable=True, arguments=arguments)
        await orchestrator.stop()

    asyncio.run(scenario())
    logging.getLogger("rabbitmq_orchestration").setLevel(logging.NOTSET)
    shown = capsys.readouterr().out
    assert shown == "Connection: True\nConsuming: True\nQueue depth: 0\n"


@pytest.mark.rabbitmq
def test_the_rabbitmq_configuration_connects(vhost: str) -> None:
    async def scenario() -> None:
        names = await run("RabbitMQ configuration", vhost=name_of(vhost))
        async with AgentMessageBus("speaker", names["rabbitmq_config"]) as bus:
            await bus.send_heartbeat()

    play(scenario)


@pytest.mark.parametrize("title", ["RabbitMQ configuration", "Credentials", "Authentication"])
def test_every_config_dict_is_understood(title: str) -> None:
    config = run_now(title)["rabbitmq_config"]
    found = address_of(config).parameters("test")
    assert found.credentials.username == config["username"]
    assert found.virtual_host == config.get("virtual_host", "/")
    assert found.heartbeat == config.get("heartbeat", 5)


def test_the_priorities_are_ours() -> None:
    printed = run_now("Message priorities", Enum=Enum)["MessagePriority"]
    assert {each.name: each.value for each in printed} == {
        each.name: each.value for each in MessagePriority
    }


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    "title", ["Restart discovery", "Integrate real data", "Validate algorithms"]
)
def test_the_commands_start_their_workflows(orchestra: Orchestra, title: str) -> None:
    names = run_now(title)
    printed = run_now("Message priorities", Enum=Enum)["MessagePriority"]
    peer = orchestra.peer("management_agent_1")
    sent = []

    async def scenario() -> None:
        async with AgentMessageBus("management_agent_1") as bus:
            message = names["command_message"]
            sent.append(
                await bus.send_message("orchestration_agent", **message, priority=printed.HIGH)
            )

    play(scenario)
    assert peer.final(sent[0])["status"] == "completed"


@pytest.mark.rabbitmq
@modules
def test_a_heartbeat_registers_its_sender(orchestra: Orchestra, module: str) -> None:
    name = f"beating_{module[:5]}"

    async def scenario() -> None:
        send_heartbeat = (await run("Health monitoring", module, AgentMessageBus=AgentMessageBus))[
            "send_heartbeat"
        ]
        async with AgentMessageBus(name) as bus:
            await send_heartbeat(name, bus)

    play(scenario)
    known = eventually(lambda: orchestra.known(name), within=10)
    assert known is not None
    assert known.metrics == {"cpu_usage": 0.15, "memory_usage": 0.25, "messages_processed": 42}


@pytest.mark.rabbitmq
@modules
def test_a_simple_agent_finishes_a_step(orchestra: Orchestra, module: str) -> None:
    requester, inbox = orchestra.peer("simple_requester"), orchestra.peer("MyAgent")
    sent = requester.order("ask_MyAgent", {})
    command = inbox.commanded("work")["payload"]

    async def process(_command: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"processed": parameters}

    async def scenario() -> None:
        agent = (await run("Simple agent", module))["MyAgent"]("MyAgent")
        agent.process_command = process
        await agent.start()
        await agent.handle_command(command["command"], command["parameters"])
        await agent.message_bus.disconnect()

    play(scenario)
    assert requester.final(sent)["status"] == "completed"
    assert orchestra.dead("MyAgent") == []


@pytest.mark.rabbitmq
@modules
def test_an_advanced_agent_sends_data_and_reports_errors(orchestra: Orchestra, module: str) -> None:
    name = f"advanced_{module[:5]}"

    async def scenario() -> None:
        agent = (await run("Advanced agent", module))["AdvancedAgent"]()
        async with AgentMessageBus(name) as agent.message_bus:
            await agent.send_data("discovery_results", {"symbols": ["AAPL"]})
            await agent.report_error("DataError", "a gap", critical=True)

    play(scenario)
    eventually(lambda: (known := orchestra.known(name)) and known.error_count == 1, within=10)
    sql = f"SELECT data_type, body FROM data_messages WHERE sender = '{name}'"
    row = orchestra.read(lambda s: s.one(sql))
    assert row is not None
    assert row[0] == "discovery_results"
    assert json.loads(row[1])["data"] == {"symbols": ["AAPL"]}


def test_the_tls_options_of_the_guide_are_understood() -> None:
    printed = run_now("Network security", pika=pika)["parameters"]
    config = {"host": printed.host, "port": printed.port, "ssl_options": printed.ssl_options}
    found = address_of(config).parameters("test")
    assert (found.host, found.port) == ("rabbitmq.example.com", 5671)
    assert found.ssl_options is printed.ssl_options


def test_our_validate_message_says_what_the_printed_one_says() -> None:
    printed = run_now("Message validation")["validate_message"]
    whole = json.loads(SNIPPETS["Message structure"])
    assert printed(whole)
    for message in (whole, {}, *({k: v for k, v in whole.items() if k != name} for name in whole)):
        assert validate_message(message) == printed(message)


def test_the_printed_message_is_one() -> None:
    found = parse(SNIPPETS["Message structure"].encode())
    assert found.correlation_id == "optional_correlation_id"


def test_the_printed_environment_is_understood() -> None:
    exports = dict(re.findall(r"export (\w+)=(.+)", SNIPPETS["Environment"]))
    found = settings.load(exports)
    assert found.broker_url == "amqp://amc_trader:secure_password@localhost:5672/%2Famc_trader"
    assert found.max_concurrent_workflows == 10
    assert found.workflow_timeout.total_seconds() == 1800
    assert found.heartbeat_interval.total_seconds() == 30


@pytest.mark.rabbitmq
def test_progress_is_told_as_printed(orchestra: Orchestra) -> None:
    printed = json.loads(SNIPPETS["Progress update"])["payload"]["progress_update"]
    peer = orchestra.peer("progress_reader")
    sent = peer.order("restart_discovery_system", {})
    peer.final(sent)
    update = next(m for m in peer.heard if m["message_type"] == "status_update")["payload"]
    told = update["progress_update"]
    assert told.keys() - {"timestamp"} == printed.keys()
    assert told["details"].keys() == printed["details"].keys()
