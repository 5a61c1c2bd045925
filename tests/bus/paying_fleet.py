"""One workflow whose only step needs an approval."""

from datetime import timedelta

from orchestration import Agent, App, Context, Step, Workflow


def pay(_context: Context) -> str:
    return "paid"


app = App(
    agents=[Agent("cashier", actions={"pay": pay})],
    workflows=[
        Workflow("pay_out", steps=[Step("paying", "cashier", "pay", approval=timedelta(hours=1))]),
    ],
)
