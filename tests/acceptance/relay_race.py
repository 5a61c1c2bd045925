"""A small witnessed fleet that imports only what every release has."""

import os
from typing import Any

from pydantic import BaseModel

from orchestration import Agent, App, Context, Step, Workflow
from tests.acceptance.witness import END, Line, Witness


class Race(BaseModel):
    number: int


def run(context: Context) -> int:
    witness = Witness.of(dict(os.environ))
    witness.write(Line(END, context.workflow_id, context.step, 0, context.attempt, os.getpid()))
    parameters: Any = context.parameters
    return int(parameters.number)


app = App(
    agents=[Agent("runner", actions={"run": run})],
    workflows=[
        Workflow(
            "race",
            parameters=Race,
            steps=[
                Step("first", "runner", "run"),
                Step("second", "runner", "run", needs=["first"]),
                Step("third", "runner", "run", needs=["second"]),
            ],
        )
    ],
)
