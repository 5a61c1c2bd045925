"""`orchestrate workflows fork`: a new run that takes over the finished results of an ended one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from orchestration import exit_codes, settings
from orchestration.cli import bulk, exits, options, parameters, remotely, selecting
from orchestration.cli.opening import by, engine_over, load_app
from orchestration.cli.output import emit
from orchestration.cli.selecting import Wanted
from orchestration.cli.send import hint
from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.desk.changes import RETRYABLE, Outcome
from orchestration.desk.forks import FORKABLE, as_json, make
from orchestration.engine import Engine
from orchestration.engine.fork import Edits, Proposal, propose
from orchestration.engine.submit import workflow_of
from orchestration.errors import StateError
from orchestration.server_paths import path_of
from orchestration.store.connect import Opened

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("forked_from", "reused", "runs_again", "edited")
MADE = ("id", "forked_from", "status", "step", "result")
Json = dict[str, Any]


class Asked(NamedTuple):
    """What the words of the command ask for.

    Attributes:
        wanted: Which runs.
        pairs: Edited parameters, `key=value`; they win over those of `edits`.
    """

    wanted: Wanted
    pairs: Sequence[str]
    edits: Edits
    reason: str
    yes: bool
    form: str


class RemoteProposal(NamedTuple):
    """A fork that a server can make: the path and body of the request, and what it would do."""

    path: str
    wish: Json
    told: Json


@click.command(epilog=options.SHORT_ID)
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
    **words: Any,
) -> int:
    """Start new runs that take over the finished results of the ended runs ID.

    What was not finished or was undone runs again, what is declared otherwise today, the steps
    of --from, those whose items or condition read an edited parameter, and all that comes after
    any of these. With edited parameters everything runs again, unless --from names the first step
    that does: what comes before it was made with the old ones.
    """
    wanted = Wanted(**words, allowed=FORKABLE if words["statuses"] else RETRYABLE)
    edits = Edits(parameters.from_file(file) if file is not None else {}, again)
    asked = Asked(wanted, pairs, edits, reason, yes, form)
    return remotely.wherever(partial(fork_there, asked), partial(fork_here, asked))


def fork_there(asked: Asked, server: "Remote") -> int:
    """Fork runs behind a server, after consent; return the exit code."""
    chosen = remotely.chosen(server, asked.wanted)
    proposals = propose_there(server, chosen, asked)
    ask([each.told for each in proposals], yes=asked.yes)

    def make_there(each: RemoteProposal) -> Json:
        made: Json = server.post(each.path, {**each.wish, "reason": asked.reason})
        return made

    return tell(bulk.one_by_one(proposals, make_there), chosen, asked.form)


def fork_here(asked: Asked, opened: Opened) -> int:
    """Fork runs of this machine's own store, after consent; return the exit code."""
    engine, found = engine_over(opened), settings.load()
    chosen = engine.store.read(lambda s: selecting.select(s, asked.wanted))
    proposals = propose_here(engine, load_app(found), chosen, asked)
    ask(list(map(as_json, proposals)), yes=asked.yes)

    def make_here(each: Proposal) -> Json:
        return as_json(each, make(engine, each, by(asked.reason)))

    told = bulk.one_by_one(proposals, make_here)
    code = tell(told, chosen, asked.form)
    if told[0] and code == exit_codes.COMPLETED:
        hint(found)
    return code


def ask(proposals: Sequence[Json], *, yes: bool) -> None:
    """Show what the forks would do, and go on only with consent, where there are any."""
    if proposals:
        selecting.ask("fork", proposals, COLUMNS, yes=yes)


def tell(told: Outcome[Json], chosen: Sequence[Json], form: str) -> int:
    """Print the forks that were made, and why others failed; return the exit code, 0 if all are."""
    made, refused = told
    for error in refused:
        exits.complain(error)
    if made or not chosen:
        emit(form, made if form == "json" else list(chain.from_iterable(map(by_step, made))), MADE)
    kept = exit_codes.USAGE if len(made) < len(chosen) else exit_codes.COMPLETED
    return max(map(exits.code_of, refused), default=kept)


def by_step(made: Json) -> list[Json]:
    """A line for each step of a fork: whether its result is reused, or why it runs again."""
    reused = [(step, "reused") for step in made["reused"]]
    again = [each.partition(" ") for each in made["runs_again"]]
    results = reused + [(step, f"runs again {why}") for step, _, why in again]
    return [{**made, "step": step, "result": result} for step, result in results]


def propose_here(
    engine: Engine, app: App, chosen: Sequence[Mapping[str, Any]], asked: Asked
) -> list[Proposal]:
    """The forks that can be made; prints for each other run why not.

    Raises:
        RejectedError: The parameters or a step's name are wrong.
    """
    found = []
    for run in chosen:
        model = workflow_of(app, run["command"]).parameters
        given = {**asked.edits.parameters, **parameters.read(model, asked.pairs, None)}
        own = replace(asked.edits, parameters=given)
        try:
            look = partial(
                propose,
                app=app,
                run_id=run["id"],
                edits=own,
                sender=options.SENDER,
                run_hex=run_hex(),
            )
            found.append(engine.store.read(look))
        except StateError as error:
            exits.complain(error)
    return found


def propose_there(
    server: "Remote", chosen: Sequence[Mapping[str, Any]], asked: Asked
) -> list[RemoteProposal]:
    """The forks that can be made behind a server; prints for each other run why not.

    Raises:
        RejectedError: The parameters or a step's name are wrong.
    """
    found = []
    for run in chosen:
        place = path_of(run["id"])
        given = dict(asked.edits.parameters)
        if asked.pairs:
            command = run.get("command") or server.get(place)["command"]
            schema = remotely.schema_of(server, command)
            given |= parameters.read_by_schema(schema, asked.pairs, None)
        path, wish = f"{place}/fork", {"parameters": given, "again": list(asked.edits.again)}
        try:
            found.append(RemoteProposal(path, wish, server.post(path, {**wish, "preview": True})))
        except StateError as error:
            exits.complain(error)
    return found
