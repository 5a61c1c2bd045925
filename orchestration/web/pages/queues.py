"""`/queues`: what waits for each agent, here and in RabbitMQ."""

from typing import Any

from fastapi import APIRouter, Response

from orchestration.desk import queues as desk
from orchestration.errors import BrokerError
from orchestration.views import depths
from orchestration.views import queues as view
from orchestration.web.console import Console
from orchestration.web.pages.drawing import spark
from orchestration.web.pages.visit import Looking

router = APIRouter()


@router.get("/queues")
def queues(visit: Looking) -> Response:
    """Every queue, those of agents first."""
    console = visit.console
    rows, rates, problem = listed(console)
    days = console.read(lambda s: depths.depths(s, visit.now))
    return visit.page(
        "queues.html",
        rows=rows,
        sparks={name: spark(day) for name, day in days.items()},
        broker=console.address and console.address.place,
        problem=problem,
        rates=rates,
    )


def listed(console: Console) -> tuple[list[dict[str, Any]], bool, str]:
    """The queues, whether there are rates, and why RabbitMQ cannot be asked; if so, only ours."""
    try:
        rows, rates = desk.listing(console.opened.store, console.settings, console.app)
    except BrokerError as error:
        agents = desk.agent_queues(console.settings, console.app)
        return console.read(lambda s: view.listing(s, agents, [], {}, {})), False, str(error)
    return rows, rates, ""
