"""The release before `tests.acceptance.stalled`: its agents cannot wait yet."""

from dataclasses import replace

from orchestration import Agent, App
from tests.acceptance import stalled


def before(agent: Agent) -> Agent:
    known = {name: action for name, action in agent.actions.items() if name != "wait"}
    return replace(agent, actions=known)


KNOWN = [
    flow for flow in stalled.app.workflows if all(step.action != "wait" for step in flow.steps)
]
app = App(agents=[before(agent) for agent in stalled.app.agents], workflows=KNOWN)
