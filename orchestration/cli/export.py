"""`orchestrate workflows export`: runs with all that the store has of them, as JSON lines."""

import json
from collections.abc import Iterable, Sequence

import click

from orchestration.cli import options, selecting
from orchestration.cli.opening import opened_store, run_named
from orchestration.text import escaped
from orchestration.views import export as records


@click.command(epilog=options.SHORT_ID)
@selecting.selection
@options.json_only
def export(*, ids: Sequence[str], statuses: Sequence[str], command: str | None) -> None:
    """Print the runs ID, or all that the filters find, or all: JSON, one record a line.

    A record of the kind `run` is followed by those of the kinds `step` (with its result),
    `attempt` and `event`; those of the kind `audit` come last. Each has the id of its run. No
    more than one result is in memory at once; a run that goes on meanwhile is told as it goes.
    """
    with opened_store() as opened:
        selecting.check(ids, statuses, command)
        done = dict[str, None]()
        named = [run_named(opened, each) for each in ids]
        for run_id in dict.fromkeys(named) or records.ids(opened.store, statuses, command):
            done[run_id] = None
            tell(records.of_run(opened.store, run_id))
        tell(records.of_people(opened.store, done))


def tell(found: Iterable[records.Record]) -> None:
    """Print one line a record."""
    for each in found:
        click.echo(escaped(json.dumps(each, ensure_ascii=False)))
