"""What a run waits for, and the words and cures that many reasons share."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import override

from orchestration.circuit import CircuitState
from orchestration.store.agents import AgentRow
from orchestration.store.control import EMBEDDED
from orchestration.store.runs import RunRow
from orchestration.text import counted
from orchestration.views import error
from orchestration.views.facts import Facts

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Blocker:
    """What a run waits for, and what to do about it.

    Attributes:
        kind: One word for programs.
        what: One line for people.
        cure: The next thing to do, often a command.
        about: The agent that the cure would resume; empty: the cure resumes none.
    """

    kind: str
    what: str
    cure: str
    about: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.what}: {self.cure}"


def no_worker(facts: Facts, what: str, agent: str | None = None) -> Blocker:
    """No live worker is there; names the workers that are silent or draining."""
    if facts.broker is not None:
        return broker_away(facts, what)
    start = "start one with `orchestrate serve`"
    if facts.transport is None:
        start += f", or on RabbitMQ with `dramatiq {facts.app}`"
    elif facts.transport != EMBEDDED:
        only = f" -Q {agent}" if agent else ""
        start = f"start one with `dramatiq {facts.app}{only}`"
    there = [
        (id_, worker)
        for id_, worker in sorted(facts.workers.items())
        if id_ not in facts.dead | facts.live and (agent is None or worker.serves(agent))
    ]
    silent = [id_ for id_, _ in there if id_ in facts.silent]
    notes = [silence(facts, id_) for id_ in silent]
    notes += [
        f"worker {facts.place(id_)} is draining, and takes nothing new"
        for id_, worker in there
        if worker.draining and id_ not in silent
    ]
    what = "; ".join([what, *notes[:MOST_NAMED]])
    return Blocker("no_worker", what, f"{rouse(facts, silent)}, or {start}" if silent else start)


def held_back(agent: AgentRow) -> Blocker | None:
    """Why nothing, or only one step, is sent to an agent: a pause, or its circuit."""
    name, resume = agent.name, f"`orchestrate agents resume {agent.name}`"
    if agent.paused:
        what = f"agent {name} is paused by {', '.join(agent.paused_by)}"
        return Blocker("agent_paused", what, resume, name)
    if agent.circuit == CircuitState.CLOSED:
        return None
    last = error.one_line(agent.last_error) or "no message"
    since = f"since {counted(agent.failures, 'attempt')} in a row failed (the last with {last})"
    if agent.probe_at is not None:
        what = f"the circuit of agent {name} is open until {clock(agent.probe_at)}, {since}"
        cure = f"one step tries it then; {resume} closes it now"
        return Blocker("circuit_open", what, cure, name)
    what = f"the circuit of agent {name} is half open, {since}"
    cure = f"one step tries it, and closes it if it succeeds; {resume} closes it now"
    return Blocker("circuit_half_open", what, cure, name)


def broker_away(facts: Facts, what: str) -> Blocker:
    """The broker cannot be used."""
    away = facts.broker
    if away is None:
        raise AssertionError("it was found away")
    where = f"RabbitMQ at {away.place} cannot be used ({away.problem})"
    return Blocker("broker_away", f"{what}, and {where}", away.cure)


def silence(facts: Facts, worker: str | None) -> str:
    """A live worker without a recent beat, in words."""
    row = facts.workers[worker or ""]
    return f"worker {facts.place(worker)}, silent for {span(facts.now - row.beat_at)}"


def rouse(facts: Facts, workers: Collection[str | None]) -> str:
    """What to do about live workers without a recent beat."""
    places = {(row.host, row.pid) for id_ in workers if (row := facts.workers.get(id_ or ""))}
    words = [f"`kill -CONT {pid}` on {host}" for host, pid in sorted(places)]
    return f"{' and '.join(words)} wakes it if it was stopped, `kill` ends it"


def command(verb: str, run: RunRow) -> str:
    """What to type to do something to a run."""
    return f"orchestrate workflows {verb} {run.id}"


def clock(at: datetime | None) -> str:
    """A moment for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"


def span(length: timedelta) -> str:
    """A duration for people."""
    seconds = max(round(length.total_seconds()), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds % 60:02d} s" if minutes else f"{seconds} s"
