"""The work that is measured: five steps in a row that do nothing but count."""

from benchmarks.load import STEPS
from benchmarks.peers.work import work
from orchestration import Agent, App, Context, Step, Workflow

AGENT = "counter"


def count(context: Context) -> tuple[int, str]:
    """One more than the step before."""
    number = int(context.step.removeprefix("step"))
    before = 0 if number == 1 else context.results[f"step{number - 1}"][0]
    return work(before)


app = App(
    agents=[Agent(AGENT, actions={"count": count})],
    workflows=[
        Workflow(
            "chain",
            steps=[
                Step(f"step{n}", AGENT, "count", needs=[f"step{n - 1}"] if n > 1 else [])
                for n in range(1, STEPS + 1)
            ],
        )
    ],
)
