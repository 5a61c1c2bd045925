"""The examples of decisions: a run, a fact, and what follows from them."""

from dataclasses import dataclass
from datetime import timedelta

from orchestration.decide.effects import Effect
from orchestration.decide.facts import Fact
from orchestration.plans import Plan, Retry, Step
from orchestration.state import Run, RunStatus, StepStatus

R, S = RunStatus, StepStatus
Tallies = dict[str, dict[StepStatus, int]]
PAUSE = timedelta(seconds=3)
PLAN = Plan(
    "flow",
    (
        Step("first", "agent", "act", retry=Retry(attempts=3, delay=PAUSE)),
        Step("extra", "agent", "act", required=False),
        Step("second", "agent", "act", needs=["first", "extra"], approval=timedelta(hours=1)),
    ),
    "second",
)
UNDOABLE = Plan("flow", (Step("first", "agent", "act", undo="undo_it"),), "first")


def run(
    status: RunStatus, tallies: Tallies, plan: Plan = PLAN, ending: RunStatus | None = None
) -> Run:
    return Run("run", plan, status, ending=ending, tallies=tallies)


@dataclass(frozen=True)
class Example:
    """A run and a fact, and the run and the effects that follow."""

    meaning: str
    before: Run
    fact: Fact
    status: RunStatus
    tallies: Tallies
    effects: tuple[Effect, ...] = ()
