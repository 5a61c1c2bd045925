"""One workflow over an agent from outside, whose user may do as little as possible."""

from orchestration import Agent, App, Context, Retry, Step, Workflow

WORKER = "backtesting_agent"


def never(_context: Context) -> None:
    """The agent is outside."""


app = App(
    agents=[Agent(WORKER, actions={"work": never})],
    workflows=[Workflow("ask", steps=[Step("asking", WORKER, "work", retry=Retry(attempts=1))])],
)
