"""`orchestrate workflows cancel | pause | resume | retry`."""

from typing import Any

import click

from orchestration.cli import exits, options, selecting
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.desk import changes
from orchestration.desk.changes import Change


def verb(change: Change, help_: str) -> click.Command:
    """A command that changes runs, given by id or by a filter."""

    @click.command(change.name, help=help_)
    @selecting.selection
    @click.option("--reason", default="", help="Why, for the audit.")
    @selecting.confirmation
    @options.output
    def command(*, reason: str, yes: bool, form: str, **wanted: Any) -> int:
        allowed = change.allowed
        with opened_engine() as engine:
            found = engine.store.read(lambda s: selecting.select(s, **wanted, allowed=allowed))
            good = selecting.permitted(change.name, found, allowed)
            if found and not good:
                return exits.USAGE
            if good:
                selecting.ask(change.name, good, yes=yes)
            ids = [run["id"] for run in good]
            changed, refused = changes.make_all(engine, change, ids, by(reason))
        for error in refused:
            exits.complain(error)
        if changed or not refused:
            emit(form, list(map(changes.as_json, changed)), ("id", "status"))
        return exits.USAGE if refused or len(good) < len(found) else exits.COMPLETED

    return command


cancel = verb(changes.CANCEL, "End runs; what can be undone is undone.")
pause = verb(changes.PAUSE, "Start nothing new; what is claimed may finish.")
resume = verb(changes.RESUME, "Let paused runs go on.")
retry = verb(
    changes.RETRY,
    "Let failed or cancelled runs go on: the same runs again, from the steps that did not finish.",
)
