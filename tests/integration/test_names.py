"""Every name that an agent may have is that of a queue."""

from pathlib import Path

import pytest
from dramatiq import Message

from orchestration import Agent, App, Step, Workflow
from orchestration.client import Client
from orchestration.context import Context
from orchestration.ports import Dispatch
from orchestration.runtime.messages import to_message
from orchestration.runtime.names import queue_of
from orchestration.runtime.serving import serving
from orchestration.settings import load

NAMES = ["7_of_9", "-dash", "_7_of_9", "plain-agent", "_"]


def name(context: Context) -> str:
    return context.step


@pytest.mark.parametrize("agent", NAMES)
def test_an_agent_with_any_name_can_work(tmp_path: Path, agent: str) -> None:
    step = Step("naming", agent, "name")
    app = App(
        agents=[Agent(agent, actions={"name": name})], workflows=[Workflow("n", steps=[step])]
    )
    found = load({"ORCHESTRATION_HOME": str(tmp_path)})
    with serving(app, found), Client(found.store_url, app=app) as client:
        assert client.start("n").result(10) == "naming"


def test_no_two_agents_share_a_queue() -> None:
    assert len({queue_of(agent) for agent in NAMES}) == len(NAMES)


def test_a_message_goes_to_the_queue_of_its_agent() -> None:
    message: Message[None] = to_message(Dispatch("7", "run", "step", 0, 1, alone=False))
    assert (message.queue_name, message.actor_name) == ("_.7", "_.7")
