"""A fleet for emergency stops, with agents that are not ours."""

from pydantic import BaseModel

from orchestration import Agent, App, Context, Step, Workflow

OUTSIDERS = tuple(f"outsider_{number}" for number in range(10))


class Stop(BaseModel):
    reason: str


def collect(context: Context) -> int:
    return len(context.fleet.emergency()["acknowledged"])


ACTIONS = {"collect": collect}

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
    ],
)
