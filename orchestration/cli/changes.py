"""`orchestrate workflows cancel | pause | resume | retry`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from orchestration import exit_codes
from orchestration.cli import bulk, exits, options, remotely, selecting
from orchestration.cli.opening import by, engine_over
from orchestration.cli.output import emit
from orchestration.desk import changes
from orchestration.desk.changes import Change, Changed, Outcome
from orchestration.store.connect import Opened

if TYPE_CHECKING:
    from orchestration.remote import Remote


def verb(change: Change, help_: str) -> click.Command:
    """A command that changes runs, given by id or by a filter."""

    @click.command(change.name, help=help_, epilog=options.SHORT_ID)
    @selecting.selection
    @click.option("--reason", default="", help="Why, for the audit.")
    @selecting.confirmation
    @options.output
    def command(*, reason: str, yes: bool, form: str, **words: Any) -> int:
        wanted = selecting.Wanted(**words, allowed=change.allowed)

        def there(server: "Remote") -> int:
            found = remotely.chosen(server, wanted)
            made = partial(bulk.change_all, server, change.name, reason=reason)
            return carry_out(change, found, made, yes=yes, form=form)

        def here(opened: Opened) -> int:
            engine = engine_over(opened)
            found = engine.store.read(lambda s: selecting.select(s, wanted))
            made = partial(changes.make_all, engine, change, by=by(reason))
            return carry_out(change, found, made, yes=yes, form=form)

        return remotely.wherever(there, here)

    return command


def carry_out(
    change: Change,
    found: Sequence[dict[str, Any]],
    make_all: Callable[[Sequence[str]], Outcome[Changed]],
    *,
    yes: bool,
    form: str,
) -> int:
    """Change the chosen runs, after consent, and print the outcome for each."""
    good = selecting.permitted(change.name, found, change.allowed)
    if found and not good:
        return exit_codes.USAGE
    if good:
        selecting.ask(change.name, good, yes=yes)
    changed, refused = make_all([run["id"] for run in good])
    for error in refused:
        exits.complain(error)
    if changed or not refused:
        emit(form, list(map(changes.as_json, changed)), ("id", "status"))
    of_all = [exits.code_of(error) for error in refused if isinstance(error, changes.OF_ALL)]
    kept = exit_codes.COMPLETED if len(changed) == len(found) else exit_codes.USAGE
    return max(of_all, default=kept)


cancel = verb(changes.CANCEL, "End runs; what can be undone is undone.")
pause = verb(changes.PAUSE, "Start nothing new; what is claimed may finish.")
resume = verb(changes.RESUME, "Let paused runs go on.")
retry = verb(
    changes.RETRY,
    "Let failed or cancelled runs go on: the same runs again, from the steps that did not finish.",
)
