"""The app of the acceptance tests: AMC-TRADER's fleet and a courier, every action witnessed."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

import actors
from orchestration import Agent, App, Context, Retry, Step, Workflow
from orchestration.definitions import Action
from orchestration.errors import PermanentError
from orchestration.runtime.frame import call
from tests.acceptance.witness import END, FAIL, START, Line, Witness

BRANCH = re.compile(r"\[(\d+)\]$")
DWELL = "WITNESS_DWELL"
HOLD = "WITNESS_HOLD"
LIMIT = 3


class Delivery(BaseModel):
    parcels: list[int]
    dwell: float = 0.0
    refused: bool = False


class Crowd(BaseModel):
    people: list[int]
    dwell: float = 0.0


def pack(context: Context) -> int:
    rest(context)
    if context.attempt == 1:
        raise ConnectionError("the tape was torn, as it always is at first")
    return len(parameters(context).parcels)


def carry(context: Context) -> int:
    rest(context)
    return int(context.item) * 2


def count(context: Context) -> int:
    rest(context)
    return sum(context.results["carrying"])


def deliver(context: Context) -> dict[str, int]:
    rest(context)
    if parameters(context).refused:
        raise PermanentError("nobody is at home")
    return {"packed": context.results["packing"], "delivered": context.results["counting"]}


def put_back(context: Context) -> None:
    rest(context)


def pass_gate(context: Context) -> None:
    rest(context)


def parameters(context: Context) -> Delivery:
    assert isinstance(context.parameters, Delivery)
    return context.parameters


def rest(context: Context) -> None:
    """Take as long as the test wants, with progress, and stop early when told to."""
    dwell = getattr(context.parameters, "dwell", 0.0)
    until = time.monotonic() + dwell
    while (left := until - time.monotonic()) > 0 and not context.cancelled:
        context.progress(1 - left / dwell, "resting")
        time.sleep(min(left, 0.05))


def watched(action: Action) -> Callable[[Context], Any]:
    """The action, with a line in the witness before and after it."""

    def witnessed(context: Context) -> Any:
        environment = dict(os.environ)
        witness = Witness.of(environment)
        found = BRANCH.search(context.idempotency_key)
        branch = int(found.group(1)) if found else 0
        about = (context.workflow_id, context.step, branch, context.attempt, os.getpid())
        witness.write(Line(START, *about))
        while context.step == environment.get(HOLD):  # until the test kills this process
            time.sleep(0.1)
        time.sleep(float(environment.get(DWELL, "0")))
        try:
            value = call(action, context)
        except Exception:
            witness.write(Line(FAIL, *about))
            raise
        witness.write(Line(END, *about))
        return value

    return witnessed


def all_watched(agent: Agent) -> Agent:
    return replace(agent, actions={n: watched(action) for n, action in agent.actions.items()})


_RETRY = Retry(attempts=3, delay=timedelta(milliseconds=100))

courier = Agent(
    "courier",
    actions={
        "pack": pack,
        "unpack": put_back,
        "carry": carry,
        "bring_back": put_back,
        "count": count,
        "deliver": deliver,
    },
)
turnstile = Agent("turnstile", max_concurrent=LIMIT, actions={"pass_gate": pass_gate})

delivery = Workflow(
    "delivery",
    parameters=Delivery,
    steps=[
        Step("packing", "courier", "pack", undo="unpack", retry=_RETRY),
        Step(
            "carrying",
            "courier",
            "carry",
            needs=["packing"],
            for_each="parameters.parcels",
            undo="bring_back",
        ),
        Step("counting", "courier", "count", needs=["carrying"]),
        Step("delivering", "courier", "deliver", needs=["counting"], retry=_RETRY),
    ],
)
crowd = Workflow(
    "crowd",
    parameters=Crowd,
    steps=[Step("passing", "turnstile", "pass_gate", for_each="parameters.people")],
)

app = App(
    agents=[all_watched(agent) for agent in (*actors.app.agents, courier, turnstile)],
    workflows=[*actors.app.workflows, delivery, crowd],
)
