"""A fleet that can be made to wait for anything."""

import time
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from orchestration import Agent, App, Context, Retry, Step, Workflow


class Gate(BaseModel):
    path: Path


def wait(context: Context) -> str:
    """Work until the file is there, or the attempt is cancelled."""
    context.progress(0.25, "waiting for the file")
    while not (context.cancelled or is_open(context)):
        time.sleep(0.01)
    return "done"


def cling(context: Context) -> None:
    """Work until the file is there, even if the attempt is cancelled."""
    context.progress(0.25, "waiting for the file")
    while not is_open(context):
        time.sleep(0.01)


def is_open(context: Context) -> bool:
    assert isinstance(context.parameters, Gate)
    return context.parameters.path.exists()


def boom(_context: Context) -> None:
    raise ValueError("boom")


def nothing(_context: Context) -> None:
    return None


LONG = timedelta(hours=1)
ACTIONS = {"wait": wait, "cling": cling, "boom": boom, "nothing": nothing}


def flow(name: str, *steps: Step) -> Workflow:
    return Workflow(name, parameters=Gate, steps=steps)


app = App(
    agents=[
        Agent("worker", actions=ACTIONS),
        Agent("narrow", actions=ACTIONS, max_concurrent=1),
        Agent("other", actions=ACTIONS),
        Agent("own_agent", actions={"nothing": nothing}),
    ],
    workflows=[
        flow("gate", Step("waiting", "worker", "wait")),
        flow("narrow", Step("waiting", "narrow", "wait")),
        flow("elsewhere", Step("waiting", "other", "wait")),
        flow("asking", Step("asked", "worker", "nothing", approval=LONG)),
        flow("shaky", Step("booming", "worker", "boom", retry=Retry(attempts=2, delay=LONG))),
        flow("bad", Step("booming", "worker", "boom")),
        flow(
            "undone",
            Step("done", "worker", "nothing", undo="nothing"),
            Step("waiting", "worker", "wait", needs=["done"]),
        ),
        flow(
            "stubborn",
            Step("done", "worker", "nothing", undo="nothing"),
            Step("clinging", "worker", "cling", needs=["done"]),
        ),
        flow("outside", Step("asked", "own_agent", "nothing")),
    ],
)
