"""`orchestrate workflows approve | reject`: a person answers for steps that wait."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from orchestration.cli import exits, options, selecting
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.control import fingerprint
from orchestration.errors import NotFoundError, StateError
from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import artifacts, configuration, runs, steps
from orchestration.store.configuration import Version
from orchestration.views.workflow import summary

COLUMNS = ("id", "step", "parameters", "may_change")
ANSWERABLE = [RunStatus.WAITING, RunStatus.RUNNING, RunStatus.PAUSED]
ID_AND_STEP = 2


class Question(NamedTuple):
    """One step that waits, and what a person is shown of it.

    Attributes:
        builds_on: The results of the steps that it needs, shown where it is the only one.
        shown: The fingerprint of what is approved.
    """

    run_id: str
    step: str
    row: dict[str, Any]
    builds_on: dict[str, Any]
    shown: str


Answer = Callable[[Engine, Question, By], RunStatus]


def verb(name: str, help_: str, answer: Answer) -> click.Command:
    """A command that answers for one waiting step of each run."""

    @click.command(name, help=help_)
    @selecting.selection
    @click.option(
        "--step", help="Which step, where several wait; after a single ID the word alone."
    )
    @click.option("--reason", default="", help="Why, for the audit.")
    @selecting.confirmation
    @options.output
    def command(
        *, ids: tuple[str, ...], step: str | None, reason: str, yes: bool, form: str, **wanted: Any
    ) -> int:
        with opened_engine() as engine:
            asked, refused = engine.store.read(lambda s: questions(s, ids, step, wanted))
            for error in refused:
                exits.complain(error)
            if len(asked) == 1 and not yes and selecting.is_terminal():
                emit("table", asked[0].builds_on)
            if asked:
                selecting.ask(name, [each.row for each in asked], COLUMNS, yes=yes)
            outcomes = [
                {"id": each.run_id, "status": answer(engine, each, by(reason)).value}
                for each in asked
            ]
        if outcomes or not refused:
            emit(form, outcomes, ("id", "status"))
        return exits.USAGE if refused else exits.COMPLETED

    return command


def questions(
    session: Session, ids: Sequence[str], step: str | None, wanted: dict[str, Any]
) -> tuple[list[Question], list[StateError]]:
    """What is to be answered, and why nothing is in other runs that were named."""
    if step is None and len(ids) == ID_AND_STEP and not is_run(session, ids[1]):
        ids, step = ids[:1], ids[1]
    found, refused = [], list[StateError]()
    for run in selecting.select(session, ids, allowed=ANSWERABLE, **wanted):
        if not ids and not runs.load(session, run["id"]).count(StepStatus.WAITING):
            continue
        try:
            found.append(look(session, run["id"], step))
        except StateError as error:
            refused.append(error)
    return found, refused


def is_run(session: Session, word: str) -> bool:
    """Whether a word is the id of a run."""
    try:
        return bool(runs.status(session, word))
    except NotFoundError:
        return False


def look(session: Session, run_id: str, step: str | None) -> Question:
    """What waits in a run.

    Raises:
        NotFoundError: There is no such run.
        StateError: Nothing waits there, or several steps do and none is named.
    """
    run, rows = runs.get(session, run_id), steps.of_run(session, run_id)
    waiting = [row for row in rows if row.status is StepStatus.WAITING]
    names = sorted({row.step for row in waiting})
    if not names or (step is not None and step not in names):
        what = f"step {step!r} does not wait" if step else "nothing waits"
        raise StateError(
            f"{run_id} is {run.status}: {what} for an approval;"
            f" waiting: {', '.join(names) or 'none'};"
            f" `orchestrate workflows why {run_id}` says what it waits for"
        )
    if step is None and len(names) > 1:
        raise StateError(f"{run_id}: several steps wait, name one of them: {', '.join(names)}")
    name = step or names[0]
    now = {each: configuration.current(session, each) for each in run.plan.step[name].configures}
    may_change = ", ".join(f"{n} (now {told(v)})" for n, v in now.items()) or "no configuration"
    shown = {**summary(run), "step": name, "parameters": run.parameters, "may_change": may_change}
    mine = [row for row in waiting if row.step == name]
    builds_on = {
        need: artifacts.result(session, run_id, need) for need in run.plan.step[name].needs
    }
    return Question(run_id, name, shown, builds_on, fingerprint(session, run, mine))


def told(version: Version | None) -> str:
    """A value of the configuration in one line."""
    return "unset" if version is None else f"{json.dumps(version.value)}, v{version.version}"


def _approve(engine: Engine, asked: Question, who: By) -> RunStatus:
    return engine.approve(asked.run_id, asked.step, asked.shown, who)


def _reject(engine: Engine, asked: Question, who: By) -> RunStatus:
    return engine.reject(asked.run_id, asked.step, who)


approve = verb("approve", "Allow the steps that wait for a person in the runs ID.", _approve)
reject = verb(
    "reject", "Refuse the steps that wait in the runs ID: the runs are cancelled.", _reject
)
