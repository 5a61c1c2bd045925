"""`orchestrate workflows fork`: a new run that takes over the finished results of an ended one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import IO, Any

import click

from orchestration import settings
from orchestration.cli import exits, options, parameters, selecting
from orchestration.cli.opening import by, load_app, opened_engine
from orchestration.cli.output import emit
from orchestration.cli.send import hint
from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.desk.changes import RETRYABLE
from orchestration.desk.forks import FORKABLE, as_json, make
from orchestration.engine import Engine
from orchestration.engine.fork import Edits, Fork, propose
from orchestration.engine.submit import workflow_of
from orchestration.errors import StateError

COLUMNS = ("forked_from", "reused", "runs_again", "edited")
MADE = ("id", "forked_from", "status")


@click.command()
@selecting.selection
@options.given_parameters
@click.option(
    "--from", "again", multiple=True, metavar="STEP",
    help="Run this step again, and all that comes after it; may be repeated.",
)  # fmt: skip
@click.option("--reason", default="", help="Why, for the audit.")
@selecting.confirmation
@options.output
def fork(
    *,
    pairs: tuple[str, ...],
    file: IO[bytes] | None,
    again: tuple[str, ...],
    reason: str,
    form: str,
    yes: bool,
    **wanted: Any,
) -> int:
    """Start new runs that take over the finished results of the ended runs ID.

    What was not finished or was undone runs again, what is declared otherwise today, the steps
    of --from, those whose items or condition read an edited parameter, and all that comes after
    any of these. With edited parameters everything runs again, unless --from names the first step
    that does: what comes before it was made with the old ones.
    """
    found = settings.load()
    edits = Edits(parameters.from_file(file) if file is not None else {}, again)
    allowed = FORKABLE if wanted["statuses"] else RETRYABLE
    with opened_engine() as engine:
        chosen = engine.store.read(lambda s: selecting.select(s, **wanted, allowed=allowed))
        proposals = propose_all(engine, load_app(found), chosen, pairs, edits)
        if proposals:
            selecting.ask("fork", list(map(as_json, proposals)), COLUMNS, yes=yes)
        made = [as_json(each, make(engine, each, by(reason))) for each in proposals]
    if made or not chosen:
        emit(form, made, MADE)
    if len(made) < len(chosen):
        return exits.USAGE
    if made:
        hint(found)
    return exits.COMPLETED


def propose_all(
    engine: Engine,
    app: App,
    chosen: Sequence[Mapping[str, Any]],
    pairs: Sequence[str],
    edits: Edits,
) -> list[Fork]:
    """The forks that can be made; of each other run it is told why not.

    Raises:
        RejectedError: The parameters or a step's name are wrong.
    """
    found = []
    for run in chosen:
        model = workflow_of(app, run["command"]).parameters
        given = {**edits.parameters, **parameters.read(model, pairs, None)}
        own = replace(edits, parameters=given)
        try:
            found.append(
                engine.store.read(
                    lambda s, run_id=run["id"], own=own: propose(  # type: ignore[misc]
                        s, app, run_id, own, sender=options.SENDER, run_hex=run_hex()
                    )
                )
            )
        except StateError as error:
            exits.complain(error)
    return found
