"""Play the setup guide's five scenarios, and report."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from orchestration.bus.address import address_in
from orchestration.errors import BrokerError, CheckFailedError, OrchestrationError
from orchestration.runtime.reach import require_broker
from orchestration.settings import Settings
from orchestration.verification import scenarios
from orchestration.verification.broker import broker_stage
from orchestration.verification.memory import MemoryStage
from orchestration.verification.report import Finding, Outcome, Report
from orchestration.verification.stage import Stage, backstage

CONNECTION = "RabbitMQ connection and queue setup"
SCENARIOS: dict[str, Callable[[Stage], Awaitable[str]]] = {
    "Agent registration and heartbeats": scenarios.heartbeats,
    "Command workflow messaging": scenarios.command,
    "Error handling and recovery": scenarios.recovery,
    "Message throughput and performance": scenarios.throughput,
}
SKIPPED = "it needs a broker: `orchestrate verify` without --simulate, with RABBITMQ_URL set"


def simulate(settings: Settings) -> Report:
    """Play without a broker, in this process alone."""
    return asyncio.run(_simulate(settings))


def verify(settings: Settings) -> Report:
    """Play on the broker of the settings, beside any fleet that works there.

    Raises:
        BrokerError: There is none, it is away, or it refuses us.
    """
    address = address_in(settings)
    if address is None:
        raise BrokerError(
            "no broker is configured: set RABBITMQ_URL, or verify without one by --simulate"
        )
    require_broker(address)

    async def on_broker() -> Report:
        with backstage(settings) as behind:
            async with broker_stage(address, behind) as stage:
                first = await play(CONNECTION, stage.look)
                return Report([first, *await play_all(stage)])

    return asyncio.run(on_broker())


async def _simulate(settings: Settings) -> Report:
    with backstage(settings) as behind:
        skipped = Finding(CONNECTION, Outcome.SKIPPED, timedelta(0), SKIPPED)
        return Report([skipped, *await play_all(MemoryStage(behind))])


async def play_all(stage: Stage) -> list[Finding]:
    """Play the scenarios that every stage has, one after the other."""
    return [await play(name, partial(scenario, stage)) for name, scenario in SCENARIOS.items()]


async def play(name: str, scenario: Callable[[], Awaitable[str]]) -> Finding:
    """Play one scenario to its end, however it ends."""
    began = time.monotonic()
    try:
        outcome, detail = Outcome.PASSED, await scenario()
    except CheckFailedError as error:
        outcome, detail = Outcome.FAILED, str(error)
    except (OrchestrationError, OSError) as error:
        outcome, detail = Outcome.ERROR, f"{type(error).__name__}: {error}"
    return Finding(name, outcome, timedelta(seconds=time.monotonic() - began), detail)
