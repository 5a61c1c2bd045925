"""A hundred outside agents, in one process, and a fleet that an emergency stop stops.

python -m benchmarks.outsiders
"""

import asyncio

from pydantic import BaseModel

from orchestration import Agent, AgentMessageBus, App, Context, Step, Workflow

OUTSIDERS = tuple(f"outsider_{number:03d}" for number in range(100))
READY = "all of them listen"


class Stop(BaseModel):
    """What an emergency stop takes."""

    reason: str


def collect(context: Context) -> int:
    """Return how many agents have acknowledged."""
    return len(context.fleet.emergency()["acknowledged"])


app = App(
    agents=[Agent(name, actions={"collect": collect}) for name in ("worker", *OUTSIDERS)],
    workflows=[
        Workflow(
            "emergency_stop",
            parameters=Stop,
            system=True,
            stops=True,
            steps=[Step("collecting", "worker", "collect")],
        )
    ],
)


async def main() -> None:
    """Run all agents until this process is ended."""
    buses = [AgentMessageBus(name) for name in OUTSIDERS]
    running = [asyncio.create_task(bus.run()) for bus in buses]
    for bus in buses:
        await bus.ready()
    print(READY, flush=True)
    await asyncio.gather(*running)


if __name__ == "__main__":
    asyncio.run(main())
