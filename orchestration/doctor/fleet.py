"""Checks of the fleet: whether each agent and action in demand is served, and may get steps."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.definitions import App
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.store.agents import AgentRow
from orchestration.store.dead_letters import DeadLetterRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.store.workers import WorkerRow
from orchestration.views import blocker

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """The open runs, and the workers that are there for them.

    Attributes:
        app: The fleet as it is declared.
        runs: The open runs without a process of their own, each with its branches.
        live: The live workers that serve every run.
        outside: Agents that are programs of their own.
        start: The command that starts a worker.
        alone: Whether runs need no worker, since the process that starts a run can work on it.
    """

    app: App
    runs: Sequence[tuple[RunRow, Sequence[StepRow]]]
    live: Sequence[WorkerRow]
    outside: Collection[str]
    start: str
    alone: bool

    def is_served(self, agent: str) -> bool:
        """Whether a live worker or an outside agent takes an agent's steps."""
        return agent in self.outside or any(each.serves(agent) for each in self.live)

    def wanted(self) -> dict[str, list[str]]:
        """Each `agent.action@version` that open runs still need, with the ids of these runs."""
        found: dict[str, list[str]] = {}
        for run, rows in self.runs:
            for offer in needs(run, rows):
                found.setdefault(offer, []).append(run.id)
        return found


def workers(facts: Facts) -> list[Finding]:
    """Whether workers serve each agent that has work, or may get some."""
    check, cure = "workers", f"start one: `{facts.start}`"
    waiting: dict[str, set[str]] = {}
    for offer, names in facts.wanted().items():
        if not facts.is_served(agent := offer.partition(".")[0]):
            waiting.setdefault(agent, set()).update(names)
    found = [
        problem(check, f"no live worker serves {agent}, which {listed(sorted(names))} need", cure)
        for agent, names in sorted(waiting.items())
    ]
    agents = {name for flow in facts.app.workflows for step in flow.steps for name in step.agents}
    idle = sorted(each for each in agents - set(waiting) if not facts.is_served(each))
    if idle and not facts.alone:
        what = f"no live worker serves {listed(idle)}, which workflows need"
        found.append(warning(check, what, cure))
    return found or [ok(check, f"{len(facts.live)} live, and nothing waits for one")]


def actions(facts: Facts) -> list[Finding]:
    """Whether the workers that serve an agent offer the actions that open runs still need of it."""
    offered = frozenset(offer for worker in facts.live for offer in worker.offers)
    missing = {
        offer: names
        for offer, names in facts.wanted().items()
        if offer not in offered
        and (agent := offer.partition(".")[0]) not in facts.outside
        and facts.is_served(agent)
    }
    cure = "start workers of the release that has it (`orchestrate workers list` shows theirs)"
    return [
        problem("actions", f"no live worker offers {offer}, which {listed(names)} need", cure)
        for offer, names in sorted(missing.items())
    ] or [ok("actions", "live workers offer what open runs need of their agents")]


def held_back(everyone: Iterable[AgentRow]) -> list[Finding]:
    """Whether something keeps steps from agents: a pause, or a circuit that is not closed."""
    found = [held for row in everyone if (held := blocker.held_back(row)) is not None]
    return [warning("agents", each.what, each.cure) for each in found] or [
        ok("agents", "none is paused, and no circuit is open")
    ]


def needs(run: RunRow, rows: Sequence[StepRow]) -> set[str]:
    """Every `agent.action@version` that an open run still needs."""
    begun = {row.step for row in rows}
    found = {row.offer for row in rows if row.status.open}
    if run.ending is not None:
        return found
    to_come = [step for step in run.plan.steps if step.name not in begun]
    branches = [(step.name, branch) for step in to_come for branch in range(len(step.agents))]
    return found | {run.plan.offer(*each) for each in branches}


def outside_agents(names: Iterable[str], beats: Mapping[str, datetime | None]) -> list[Finding]:
    """Whether each outside agent has ever sent a heartbeat."""
    silent = [name for name in names if beats.get(name) is None]
    cure = (
        "start it, and let it publish `heartbeat` on `heartbeat.orchestration`; or correct its name"
        " in OUTSIDE_AGENTS"
    )
    return [
        warning("outside agents", f"{name} has never sent a heartbeat", cure) for name in silent
    ] or [ok("outside agents", "all have been heard of")]


def dead_letters(recent: Sequence[DeadLetterRow]) -> Finding:
    """Whether there were dead letters in the last hour.

    Args:
        recent: The dead letters of the last hour, newest first.
    """
    check = "dead letters"
    if not recent:
        return ok(check, "none in the last hour")
    newest = recent[0]
    what = (
        f"{len(recent)} in the last hour, the newest from {newest.sender or 'somebody unknown'}:"
        f" {newest.reason}, {newest.detail}"
    )
    cure = "`orchestrate dead-letters list` shows them; correct who sends them"
    return warning(check, what, cure)


def listed(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
