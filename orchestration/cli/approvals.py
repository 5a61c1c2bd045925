"""`orchestrate workflows approve | reject`: a person answers for steps that wait."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from orchestration.cli import exits, options, selecting
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.desk.approvals import Question, changes_told, look
from orchestration.desk.naming import run_named
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import NotFoundError, StateError
from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import runs
from orchestration.views.workflow import summary

COLUMNS = ("id", "step", "parameters", "may_change")
ANSWERABLE = [RunStatus.WAITING, RunStatus.RUNNING, RunStatus.PAUSED]
ID_AND_STEP = 2


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
                selecting.ask(name, list(map(in_line, asked)), COLUMNS, yes=yes)
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


def in_line(asked: Question) -> dict[str, Any]:
    """A question in one line of a table."""
    return {
        **summary(asked.run),
        "step": asked.step,
        "parameters": asked.run.parameters,
        "may_change": changes_told(asked),
    }


def is_run(session: Session, word: str) -> bool:
    """Whether a word is the id of a run, or the beginning of one; a step may look like one."""
    try:
        return bool(runs.status(session, run_named(session, word)))
    except NotFoundError:
        return False


def _approve(engine: Engine, asked: Question, who: By) -> RunStatus:
    return engine.approve(asked.run_id, asked.step, asked.shown, who)


def _reject(engine: Engine, asked: Question, who: By) -> RunStatus:
    return engine.reject(asked.run_id, asked.step, who)


approve = verb("approve", "Allow the steps that wait for a person in the runs ID.", _approve)
reject = verb(
    "reject", "Refuse the steps that wait in the runs ID: the runs are cancelled.", _reject
)
