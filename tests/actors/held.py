"""AMC-TRADER's fleet, one step of which does its work, and never returns."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import actors
from orchestration import Agent, App, Context
from orchestration.definitions import Action
from orchestration.runtime.frame import call

HOLD, REACHED = "HELD_STEP", "HELD_FILE"


def holding(action: Action) -> Callable[[Context], Any]:
    """The action; for the held step it then hangs, until the test kills the process."""

    def held(context: Context) -> Any:
        value = call(action, context)
        if context.step == os.environ.get(HOLD):
            Path(os.environ[REACHED]).touch()
            while True:
                time.sleep(0.1)
        return value

    return held


def all_holding(agent: Agent) -> Agent:
    return replace(agent, actions={n: holding(action) for n, action in agent.actions.items()})


app = App(
    agents=[all_holding(agent) for agent in actors.app.agents], workflows=actors.app.workflows
)
