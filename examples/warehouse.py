"""An agent and a workflow of one's own, whole."""

from datetime import timedelta

from pydantic import BaseModel

from orchestration import Agent, App, Context, Retry, Step, Workflow


class Restock(BaseModel):
    skus: list[str]


async def reserve(context: Context) -> dict:  # def or async def
    context.progress(0.5, f"reserving {context.item}")
    return {"reserved": context.item}


def release(context: Context) -> None: ...  # undo of reserve


def ship(context: Context) -> dict:
    return {"shipped": context.results["reserving"]}  # after a fan-out: a list


app = App(
    agents=[
        Agent(
            "warehouse_agent",
            max_concurrent=4,  # across all workers
            actions={"reserve": reserve, "release": release, "ship": ship},
        )
    ],
    workflows=[
        Workflow(
            "restock",
            parameters=Restock,
            result="shipping",
            steps=[
                Step(
                    "reserving",
                    "warehouse_agent",
                    "reserve",
                    for_each="parameters.skus",
                    undo="release",
                    retry=Retry(attempts=3, delay=timedelta(seconds=1)),
                    timeout=timedelta(minutes=2),
                ),
                Step(
                    "shipping",
                    "warehouse_agent",
                    "ship",
                    needs=["reserving"],
                    approval=timedelta(hours=1),
                ),
            ],
        )
    ],
)
