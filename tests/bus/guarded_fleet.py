"""One workflow over an outside agent, whose user has as few permissions as possible."""

from orchestration import Agent, App, Context, Retry, Step, Workflow

WORKER = "backtesting_agent"


def never(_context: Context) -> None:
    """Never called: the agent is outside."""


app = App(
    agents=[Agent(WORKER, actions={"work": never})],
    workflows=[Workflow("ask", steps=[Step("asking", WORKER, "work", retry=Retry(attempts=1))])],
)
