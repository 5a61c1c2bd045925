"""The whole orchestrator as one object for a program of your own."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from orchestration import hosting, settings
from orchestration.bus.address import Address, address_of, described
from orchestration.clock import run_hex
from orchestration.engine import Engine
from orchestration.engine.submit import prepare
from orchestration.errors import ConfigurationError, OrchestrationError
from orchestration.messages import AGENT_NAME
from orchestration.runtime.host import Host
from orchestration.runtime.look import rabbitmq_status
from orchestration.runtime.serving import serving_on
from orchestration.settings import Seconds, Settings
from orchestration.state import RunStatus
from orchestration.store import agents, runs
from orchestration.views import workflow
from orchestration.views.fleet import FleetView

log = logging.getLogger(__name__)

REQUESTER = "management_agent"
MOST_LISTED = 1_000
MOST_LOOKS, LOOK_EVERY_S = 40, 0.05


class OrchestratorConfig(BaseModel):
    """The keys that the config dict of an orchestrator may have; durations are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heartbeat_interval: Seconds | None = None
    timeout_threshold: Seconds | None = None
    max_concurrent_workflows: int | None = Field(None, ge=1)
    workflow_timeout: Seconds | None = None
    rabbitmq: dict[str, Any] | None = None


class RabbitMQOrchestrationAgent:
    """The orchestrator on RabbitMQ, with the fleet's own agents, in threads of this process.

    It serves the app of the settings, on their store. Any number of orchestrators and `dramatiq`
    workers may serve the same store.

    Args:
        config: `heartbeat_interval`, `timeout_threshold`, `max_concurrent_workflows`,
            `workflow_timeout`, and `rabbitmq`, a dict as `AgentMessageBus` takes it; a missing
            key is as in the settings.

    Raises:
        ConfigurationError: A key is unknown, or a value or a setting wrong; all are named.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        checked = check(config or {})
        self._address = address_of(checked.rabbitmq)
        self._settings = merged(settings.load(), checked, self._address)
        self._app = hosting.load_app(self._settings.app)
        for line in settings.undeclared(self._settings, self._app.agent):
            log.warning("%s", line)
        self._guard = threading.Lock()
        self._running = ExitStack()
        self._host: Host | None = None
        self._registered: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []

    @property
    def is_running(self) -> bool:
        """Whether it is started."""
        return self._host is not None

    async def start(self) -> None:
        """Begin to serve; once it returns, no message that is sent to the orchestrator is lost.

        Raises:
            BrokerError: RabbitMQ is away, or refuses us.
            StoreError: The store cannot be used.
        """
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """End in good order: claimed attempts have some seconds to finish."""
        await asyncio.to_thread(self._stop)

    def register_agent(
        self, name: str, capabilities: Sequence[str] = (), dependencies: Sequence[str] = ()
    ) -> None:
        """Make an agent known before it beats for the first time.

        Args:
            name: 1 to 100 letters, digits, `_` or `-`.
            capabilities: What it can do, for people.
            dependencies: The agents that it relies on, for people.

        Raises:
            ConfigurationError: The name cannot be routed.
        """
        if not AGENT_NAME.fullmatch(name):
            raise ConfigurationError(f"agent {name!r}: use 1 to 100 letters, digits, '_' or '-'")
        known = (name, tuple(capabilities), tuple(dependencies))
        self._registered.append(known)
        if self._host is not None:
            self._write_agent(*known)

    async def receive_command(
        self,
        command_type: str,
        parameters: Mapping[str, Any] | None = None,
        requester: str = REQUESTER,
    ) -> dict[str, Any]:
        """Start a workflow, as a `command` on the bus would.

        Args:
            command_type: The workflow.
            parameters: What its model validates; default none.
            requester: The agent that gets the run's updates on the bus.

        Returns:
            The acknowledgement that a command on the bus would get: `command_received`,
            `workflow_id`, `command_type` and `status`.

        Raises:
            RejectedError: The name or the parameters are wrong; nothing was stored.
            OverloadedError: Too many runs of this requester are pending.
            OrchestrationError: It is not started.
        """
        engine, given = self._engine, parameters or {}
        command = prepare(
            self._app, command_type, given, sender=requester, run_hex=run_hex(), named=()
        )
        told = requester if AGENT_NAME.fullmatch(requester) else None
        command = replace(command, requester=told)
        run_id = await asyncio.to_thread(engine.submit, command)
        return {
            "command_received": True,
            "workflow_id": run_id,
            "command_type": command_type,
            "status": RunStatus.PENDING.value,
        }

    def get_workflow_status(self, workflow_id: str) -> dict[str, Any]:
        """A run as in its progress updates, with its times, and its result once it has one.

        Raises:
            NotFoundError: There is no such run.
            OrchestrationError: It is not started.
        """
        return self._engine.store.read(lambda s: workflow.status(s, workflow_id))

    def get_all_workflows_status(self) -> dict[str, dict[str, Any]]:
        """The newest thousand runs by their ids, newest first; see `get_workflow_status`.

        Raises:
            OrchestrationError: It is not started.
        """
        return self._engine.store.read(
            lambda s: {run.id: workflow.status(s, run.id) for run in runs.newest(s, MOST_LISTED)}
        )

    def get_system_status(self) -> dict[str, Any]:
        """Agents, workers, queues, workflows by status, success rate and uptime.

        Raises:
            OrchestrationError: It is not started.
        """
        return FleetView(self._engine.store, self._engine.clock).status()

    def get_rabbitmq_status(self) -> dict[str, Any]:
        """The state of RabbitMQ, asked at each call; it never raises.

        Returns:
            `connection_open`: a connection can be opened now. `is_consuming`: some process
            consumes the orchestrator's queue. `queue_depth` and `consumers` of that queue, and
            `error`: why one of these is not so.
        """
        return rabbitmq_status(self._address)

    @property
    def _engine(self) -> Engine:
        if self._host is None:
            raise OrchestrationError("the orchestrator is not running: await start() first")
        return self._host.running.engine

    def _start(self) -> None:
        """Start, unless it is; a caller who waits no longer cannot cancel a thread."""
        with self._guard:
            if self._host is None:
                serving = serving_on(self._address, self._app, self._settings)
                self._host = self._running.enter_context(serving)
                for each in self._registered:
                    self._write_agent(*each)
                self._await_consumer()

    def _stop(self) -> None:
        """Stop, once a start that is under way has come to its end."""
        with self._guard:
            self._host = None
            self._running.close()

    def _await_consumer(self) -> None:
        """Wait a little until commands are consumed, here or in another process."""
        for _ in range(MOST_LOOKS):
            if self.get_rabbitmq_status()["is_consuming"]:
                break
            time.sleep(LOOK_EVERY_S)

    def _write_agent(self, name: str, able: Sequence[str], needs: Sequence[str]) -> None:
        self._engine.commit(lambda tx: agents.register(tx.session, name, able, needs))


def check(config: Mapping[str, Any]) -> OrchestratorConfig:
    """A config dict, checked.

    Raises:
        ConfigurationError: A key is unknown or its value wrong; all are named.
    """
    try:
        return OrchestratorConfig.model_validate(dict(config))
    except ValidationError as error:
        problems = "; ".join(described(each) for each in error.errors(include_url=False))
        known = ", ".join(OrchestratorConfig.model_fields)
        raise ConfigurationError(f"orchestrator config: {problems}; known keys: {known}") from None


def merged(found: Settings, config: OrchestratorConfig, address: Address) -> Settings:
    """The settings, overridden by a config dict."""
    given = config.model_dump(exclude={"rabbitmq"}, exclude_none=True)
    return found.model_copy(update={**given, "rabbitmq_url": SecretStr(address.url)})
