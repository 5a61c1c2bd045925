"""A fleet of one agent of ours, and one that is a program of its own."""

from orchestration import Agent, App, Context, Step, Workflow


def forge(_context: Context) -> str:
    return "forged"


app = App(
    agents=[
        Agent("smith", actions={"forge": forge}),
        Agent("helper", actions={"help": forge}),
    ],
    workflows=[
        Workflow(
            "mixed",
            steps=[
                Step("helping", "helper", "help"),
                Step("forging", "smith", "forge", needs=["helping"]),
            ],
        )
    ],
)
