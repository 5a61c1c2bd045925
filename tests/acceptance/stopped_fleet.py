"""A fleet for emergency stops, with outside agents, and work that takes long."""

import time

from pydantic import BaseModel

from orchestration import Agent, App, Context, Step, Workflow

OUTSIDERS = tuple(f"outsider_{number}" for number in range(10))
LONGEST_S = 60.0


class Stop(BaseModel):
    reason: str


def collect(context: Context) -> int:
    return len(context.fleet.emergency()["acknowledged"])


def prepare(_context: Context) -> None:
    pass


def hold(context: Context) -> None:
    """Work until the attempt is cancelled."""
    end = time.monotonic() + LONGEST_S
    while not context.cancelled and time.monotonic() < end:
        time.sleep(0.02)


ACTIONS = {"collect": collect, "prepare": prepare, "hold": hold, "undo": prepare}

app = App(
    agents=[Agent("worker", actions=ACTIONS), *(Agent(n, actions=ACTIONS) for n in OUTSIDERS)],
    workflows=[
        Workflow(
            "emergency_stop",
            parameters=Stop,
            system=True,
            stops=True,
            steps=[Step("collecting", "worker", "collect")],
        ),
        Workflow(
            "long_work",
            steps=[
                Step("preparing", "worker", "prepare", undo="undo"),
                Step("holding", "worker", "hold", needs=["preparing"]),
            ],
        ),
    ],
)
