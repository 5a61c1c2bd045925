"""A small fleet that the command line is tested with."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestration import Agent, App, Context, Retry, Step, Workflow


class Job(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[str], Field(min_length=1)] = ["a", "b"]
    kinds: tuple[Literal["red", "blue"], ...] | None = None
    count: Annotated[int, Field(ge=1)] = 1
    ratio: float = 0.5
    label: str = ""
    loud: bool = False


class Gate(BaseModel):
    """A run that works until a file is there."""

    path: Path
    items: list[str] = ["a"]


def work(context: Context) -> dict[str, Any]:
    context.progress(0.5, f"working on {context.item}")
    return {"item": context.item}


def add_up(context: Context) -> dict[str, Any]:
    items = [each["item"] for each in context.results["working"]]
    return {
        "count": len(items),
        "strategies": {item: {"score": 1.25, "reasons": ["r", "s"]} for item in items},
        "equity_curve": [{"date": "2025-01-01", "equity": 1.0}],
    }


def wait(context: Context) -> str:
    assert isinstance(context.parameters, Gate)
    context.progress(0.25, "waiting for the file")
    while not context.parameters.path.exists():
        if context.cancelled:
            return "cancelled"
        time.sleep(0.01)
    return "seen"


def hang(_context: Context) -> None:
    time.sleep(60)


def boom(_context: Context) -> None:
    raise ValueError("boom\nand a second line")


def nothing(_context: Context) -> None:
    return None


app = App(
    agents=[
        Agent(
            "worker",
            capabilities=["counting"],
            actions={
                "work": work,
                "add_up": add_up,
                "wait": wait,
                "hang": hang,
                "boom": boom,
                "nothing": nothing,
            },
        )
    ],
    workflows=[
        Workflow(
            "job",
            parameters=Job,
            steps=[
                Step("working", "worker", "work", for_each="parameters.items"),
                Step("adding_up", "worker", "add_up", needs=["working"]),
            ],
        ),
        Workflow(
            "gate",
            parameters=Gate,
            steps=[
                Step("first", "worker", "nothing"),
                Step("waiting", "worker", "wait", needs=["first"]),
            ],
        ),
        Workflow(
            "hung",
            steps=[Step("hanging", "worker", "hang", timeout=timedelta(seconds=0.5))],
        ),
        Workflow("bad", steps=[Step("booming", "worker", "boom")]),
        Workflow(
            "shaky",
            steps=[
                Step("booming", "worker", "boom", retry=Retry(attempts=2, delay=timedelta(days=1)))
            ],
        ),
        Workflow(
            "asking",
            steps=[Step("asked", "worker", "nothing", approval=timedelta(hours=1))],
        ),
        Workflow(
            "undone",
            steps=[
                Step("done", "worker", "nothing", undo="nothing"),
                Step("booming", "worker", "boom", needs=["done"]),
            ],
        ),
        Workflow(
            "half",
            parameters=Job,
            steps=[
                Step("done", "worker", "nothing"),
                Step("working", "worker", "work", for_each="parameters.items", needs=["done"]),
                Step("booming", "worker", "boom", needs=["working"]),
            ],
        ),
    ],
)
