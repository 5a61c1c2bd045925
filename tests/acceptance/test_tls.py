"""Everything over TLS with client certificates, on a real node that insists on them."""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pika
import pytest

from orchestration import AgentMessageBus, RabbitMQOrchestrationAgent
from orchestration.bus.address import address_of
from orchestration.bus.command import Command
from orchestration.errors import BrokerError
from orchestration.messages import Envelope
from orchestration.runtime.look import rabbitmq_status
from tests.acceptance.certificates import HOST, Certificates, make_certificates
from tests.acceptance.node import Node, free_port, node_in
from tests.acceptance.processes import Processes, Workplace
from tests.bus import fleet
from tests.eventually import eventually

pytestmark = pytest.mark.rabbitmq

ORCHESTRATE = (sys.executable, "-m", "orchestration")
PATIENCE_S = 40.0
Enter = Callable[[Workplace], None]


@dataclass(frozen=True)
class Server:
    """A node that speaks TLS on one port, and AMQP without it on another."""

    node: Node
    port: int
    certificates: Certificates

    @property
    def url(self) -> str:
        return f"amqps://guest:guest@{HOST}:{self.port}/%2F"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("tls")
    certificates, port = make_certificates(directory), free_port()
    lines = f"listeners.ssl.1 = 127.0.0.1:{port}\n{certificates.server_lines}"
    with node_in(directory / "node", lines) as node:
        node.wait()
        yield Server(node, port, certificates)


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Workplace:
    more = server.certificates.settings() | {"OUTSIDE_AGENTS": ",".join(fleet.OUTSIDE)}
    return Workplace(tmp_path / "home", server.url, fleet.__name__, more)


def context_of(certificates: Certificates) -> ssl.SSLContext:
    """As the setup guide makes one."""
    context = ssl.create_default_context(cafile=certificates.path("ca.pem"))
    context.load_cert_chain(certificates.path("client.pem"), certificates.path("client.key"))
    return context


def config_of(server: Server, **other: Any) -> dict[str, Any]:
    options = pika.SSLOptions(context_of(server.certificates))
    return {"host": HOST, "port": server.port, "ssl_options": options} | other


def is_consumed() -> bool:
    """Whether an orchestrator consumes where the settings say."""
    return bool(rabbitmq_status(address_of(None))["is_consuming"])


async def ordered(asker: AgentMessageBus, command: str) -> dict[str, Any]:
    """Send a command as an agent, and wait for its final answer."""
    final: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    @asker.on_message("response")
    def hear(envelope: Envelope) -> None:
        if "result" in envelope.payload and not final.done():
            final.get_loop().call_soon_threadsafe(final.set_result, dict(envelope.payload))

    running = asyncio.create_task(asker.run())
    await asker.ready()
    payload = {"command_type": command, "parameters": {}}
    await asker.send_message("orchestration_agent", "command", payload)
    found = await final
    await asker.disconnect()
    await running
    return found


async def helped(worker: AgentMessageBus, asker: AgentMessageBus) -> dict[str, Any]:
    """What comes of a workflow that an agent from outside takes part in."""

    @worker.on_command("work")
    async def work(_command: Command, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"by": "an agent from outside"}

    running = asyncio.create_task(worker.run())
    await worker.ready()
    async with asyncio.timeout(PATIENCE_S):
        found = await ordered(asker, "ask_bus_agent")
        await worker.disconnect()
        await running
    return found


def test_processes_and_agents_run_a_workflow_together(
    server: Server, place: Workplace, processes: Processes, enter: Enter
) -> None:
    enter(place)
    processes.workers(place, fleet.__name__, "-p", "1", "-t", "2")
    processes.scheduler(place)
    words = ("run", "integrate_real_data", "-o", "json")
    code, output = processes.run(place, *ORCHESTRATE, *words, within=PATIENCE_S)
    assert code == 0, output
    assert json.loads(output[output.index("{\n") :])["status"] == "completed"
    eventually(is_consumed, within=PATIENCE_S)
    agents = AgentMessageBus("bus_agent", config_of(server)), AgentMessageBus("asker")
    assert asyncio.run(helped(*agents))["status"] == "completed"


def test_the_guide_s_orchestrator_takes_the_guide_s_ssl_options(
    server: Server, place: Workplace, enter: Enter
) -> None:
    enter(replace(place, url="amqp://nobody@127.0.0.1:1/%2F", more={"OUTSIDE_AGENTS": "bus_agent"}))
    orchestrator = RabbitMQOrchestrationAgent({"rabbitmq": config_of(server)})
    asyncio.run(orchestrator.start())
    try:
        agents = (AgentMessageBus(name, config_of(server)) for name in ("bus_agent", "asker"))
        assert asyncio.run(helped(*agents))["status"] == "completed"
        assert orchestrator.get_rabbitmq_status()["connection_open"]
    finally:
        asyncio.run(orchestrator.stop())


def test_the_bus_is_verified_over_tls(place: Workplace, processes: Processes) -> None:
    code, said = processes.run(place, *ORCHESTRATE, "verify", within=50)
    assert code == 0, said
    assert "Passed: 5" in said


def change(server: Server, wrong: str) -> tuple[str, dict[str, str]]:
    """An address and settings of which one thing is wrong."""
    certificates = server.certificates
    right, ours = server.url, certificates.settings()
    untouched = server.node.url.replace("amqp", "amqps").replace("127.0.0.1", HOST)
    forged = {"RABBITMQ_CERT_FILE": "forged.pem", "RABBITMQ_KEY_FILE": "forged.pem"}
    return {
        "authority": (right, certificates.settings(RABBITMQ_CA_FILE="stranger.pem")),
        "host": (right.replace(HOST, "127.0.0.1"), ours),
        "no certificate": (right, {"RABBITMQ_CA_FILE": ours["RABBITMQ_CA_FILE"]}),
        "forged": (right, certificates.settings(**forged)),
        "plain": (right.replace("amqps", "amqp"), {}),
        "no tls": (untouched, ours),
    }[wrong]


CURES = {
    "authority": "set RABBITMQ_CA_FILE",
    "host": "connect by a name that the certificate has",
    "no certificate": "set RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE",
    "forged": "set RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE",
    "plain": "use amqps://",
    "no tls": "that port does not speak TLS",
}
SAYS = pytest.mark.parametrize(("wrong", "cure"), CURES.items())


@SAYS
def test_each_mistake_is_one_line_that_names_the_cure(
    server: Server, place: Workplace, enter: Enter, wrong: str, cure: str
) -> None:
    url, more = change(server, wrong)
    enter(replace(place, url=url, more=more))
    told = []
    with pytest.raises(BrokerError) as refused:
        asyncio.run(AgentMessageBus("someone").connect())
    told.append(str(refused.value))
    with pytest.raises(BrokerError) as refused:
        asyncio.run(RabbitMQOrchestrationAgent().start())
    told.append(str(refused.value))
    for line in told:
        assert cure in line
        assert "\n" not in line


@SAYS
def test_processes_say_the_same_and_exit_with_3(
    server: Server, place: Workplace, processes: Processes, wrong: str, cure: str
) -> None:
    url, more = change(server, wrong)
    there = replace(place, url=url, more=more)
    run = processes.start(there, *ORCHESTRATE, "run", "integrate_real_data")
    workers = processes.workers(there, fleet.__name__, "-p", "1", "-t", "1")
    clock = processes.scheduler(there)
    for process in (run, workers, clock):
        code = process.wait(within=PATIENCE_S)
        assert [cure in line for line in process.output.splitlines()].count(True) == 1
        assert "Traceback" not in process.output
        assert code == 3, process.output
