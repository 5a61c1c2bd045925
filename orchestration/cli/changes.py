"""`orchestrate workflows cancel | pause | resume | retry`."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from orchestration.cli import exits, options, selecting
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import StateError
from orchestration.state import ENDED, RunStatus

Change = Callable[[Engine, str, By], RunStatus]

LIVE = [status for status in RunStatus if status not in ENDED]
PAUSABLE = [RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING]
RETRYABLE = [RunStatus.FAILED, RunStatus.CANCELLED]


def verb(name: str, help_: str, allowed: Sequence[str], change: Change) -> click.Command:
    """A command that changes runs, given by id or by a filter."""

    @click.command(name, help=help_)
    @selecting.selection
    @click.option("--reason", default="", help="Why, for the audit.")
    @selecting.confirmation
    @options.output
    def command(*, reason: str, yes: bool, form: str, **wanted: Any) -> int:
        with opened_engine() as engine:
            found = engine.store.read(lambda s: selecting.select(s, **wanted, allowed=allowed))
            good = selecting.permitted(name, found, allowed)
            if found and not good:
                return exits.USAGE
            if good:
                selecting.ask(name, good, yes=yes)
            code = apply(engine, [run["id"] for run in good], change, by(reason), form)
        return code if len(good) == len(found) else exits.USAGE

    return command


def apply(engine: Engine, ids: Sequence[str], change: Change, who: By, form: str) -> int:
    """Change each run, tell what became of it, and count what was refused as wrong usage."""
    outcomes, refused = [], False
    for run_id in ids:
        try:
            outcomes.append({"id": run_id, "status": change(engine, run_id, who).value})
        except StateError as error:
            refused = True
            exits.complain(error)
    if outcomes or not refused:
        emit(form, outcomes, ("id", "status"))
    return exits.USAGE if refused else exits.COMPLETED


cancel = verb("cancel", "End runs; what can be undone is undone.", LIVE, Engine.cancel)
pause = verb("pause", "Start nothing new; what is claimed may finish.", PAUSABLE, Engine.pause)
resume = verb("resume", "Let paused runs go on.", [RunStatus.PAUSED], Engine.resume)
retry = verb(
    "retry",
    "Let failed or cancelled runs go on: the same runs again, from the steps that did not finish.",
    RETRYABLE,
    Engine.retry,
)
