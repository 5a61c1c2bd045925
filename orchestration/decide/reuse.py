"""Which finished steps of an ended run a fork takes over, and why the others run again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestration.plans import Plan, Step
from orchestration.state import DONE, Run


@dataclass(frozen=True, slots=True)
class Reuse:
    """What becomes of each step of a fork.

    Attributes:
        reused: Steps whose results are taken over, in the order of the plan.
        again: For each other step why it runs.
    """

    reused: tuple[str, ...]
    again: Mapping[str, str]


def reuse(old: Run, plan: Plan, wanted: Collection[str], edited: Collection[str]) -> Reuse:
    """Sort the steps of a fork.

    A step is taken over if each of its branches was completed or skipped, it was not undone, its
    definition is unchanged, neither its `for_each` nor its `when` reads an edited parameter, it
    is not in `wanted`, and all this holds for every step before it.

    A person approved a step with all parameters in view: the approval is asked for again if one
    is edited, or if the ended run needed none.

    Which parameters an action reads cannot be known: so if one is edited, no step is taken over
    unless `wanted` names the first that is to run again.

    Args:
        old: The ended run.
        plan: What the fork runs by: the workflow as it is declared today.
        wanted: Steps that a person wants to run again.
        edited: Names of the parameters that are not what they were.
    """
    own = {step.name: objection(old, plan, step, wanted, edited) for step in plan.steps}
    again: dict[str, str] = {}
    for name, reason in own.items():
        before = next((each for each in plan.known_to(name) if own[each]), None)
        if found := reason or (before and f"it comes after {before}"):
            again[name] = found
    return Reuse(tuple(name for name in own if name not in again), again)


def objection(
    old: Run, plan: Plan, step: Step, wanted: Collection[str], edited: Collection[str]
) -> str | None:
    """Why the result of a step cannot be taken over, whatever comes before it."""
    if step.name in wanted:
        return "it is asked for"
    if edited and not wanted:
        return f"{', '.join(sorted(edited))} is edited"
    tally = old.tallies.get(step.name)
    if tally is None or not tally.keys() <= DONE:
        return "it is not finished"
    if old.undone and old.plan.step[step.name].undo:
        return "it was undone"
    if defined(old.plan, step.name) != defined(plan, step.name):
        return "it is defined otherwise today"
    return unapproved(old.plan.step[step.name], step, edited) or next(
        (f"it reads {name}, which is edited" for name in parameters(step) if name in edited), None
    )


def unapproved(before: Step, step: Step, edited: Collection[str]) -> str | None:
    """Why the approval that this step needs in the fork is still missing; None: it is not."""
    if step.approval is None:
        return None
    if before.approval is None:
        return "it needs an approval today"
    return f"it was approved for another {' and '.join(sorted(edited))}" if edited else None


def defined(plan: Plan, name: str) -> tuple[object, ...]:
    """The parts of a step's definition on which its result depends."""
    step = plan.step[name]
    versions = [plan.versions.get(agent, 1) for agent in step.agents]
    return step.agent, step.action, versions, step.needs, step.for_each, step.when


def parameters(step: Step) -> list[str]:
    """The parameters that a step's paths read."""
    paths = [path.split(".") for path in (step.for_each, step.when) if path is not None]
    return [keys[1] for keys in paths if keys[0] == "parameters"]
