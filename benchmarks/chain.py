"""The work that is measured: five steps in a row that do nothing but count."""

from benchmarks.load import STEPS
from orchestration import Agent, App, Context, Step, Workflow

AGENT = "counter"


def count(context: Context) -> int:
    """One more than the step before."""
    before = context.step.removeprefix("step")
    return 1 if before == "1" else int(context.results[f"step{int(before) - 1}"]) + 1


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
