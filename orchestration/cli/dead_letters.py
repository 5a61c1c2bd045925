"""`orchestrate dead-letters list | show | replay | discard`."""

from collections.abc import Sequence

import click

from orchestration import settings
from orchestration.cli import exits, options, selecting
from orchestration.cli.opening import by, load_app, opened_engine, opened_store
from orchestration.cli.output import emit
from orchestration.desk import letters
from orchestration.engine import Engine
from orchestration.store import dead_letters
from orchestration.store.dead_letters import DeadLetterRow
from orchestration.views.dead_letters import as_json, readable

COLUMNS = ("id", "reason", "routing_key", "sender", "received_at", "size")


def chosen(function: options.F) -> options.F:
    """`--reason` and `--sender`, given under these names."""
    reason = click.option("--reason", help="Only those with this reason.")
    sender = click.option("--sender", help="Only those of this sender.")
    return reason(sender(function))


@click.command("list")
@chosen
@options.limit
@options.output
def list_(*, reason: str | None, sender: str | None, limit: int, form: str) -> None:
    """List messages that could not be used, newest first."""
    with opened_store() as opened:
        found = opened.store.read(lambda s: dead_letters.newest(s, limit, reason, sender))
    emit(form, [as_json(row) for row in found], COLUMNS)


@click.command()
@click.argument("letter", type=int, metavar="ID")
@options.output
def show(*, letter: int, form: str) -> None:
    """Show one with its body, and say why it could not be used."""
    with opened_store() as opened:
        row, body = opened.store.read(lambda s: dead_letters.get(s, letter))
    found = {**as_json(row), "body": readable(body)}
    emit(form, found)


@click.command()
@chosen
@click.argument("ids", type=int, nargs=-1, metavar="[ID]…")
@selecting.confirmation
@options.output
def replay(
    *, ids: Sequence[int], reason: str | None, sender: str | None, yes: bool, form: str
) -> int:
    """Handle messages again, as if they had just come; after what was wrong is cured."""
    with opened_engine() as engine:
        rows = wanted(engine, ids, reason, sender)
        selecting.ask("replay", [as_json(row) for row in rows], COLUMNS, yes=yes, noun="message")
        found = settings.load()
        settled, refused = letters.replay(engine, load_app(found), found, rows, by())
        for error in refused:
            exits.complain(error)
    emit(form, list(map(letters.as_json, settled)), ("id", "outcome"))
    failed = bool(refused) or any(each.died_as for each in settled)
    return exits.FAILED if failed else exits.COMPLETED


@click.command()
@chosen
@click.argument("ids", type=int, nargs=-1, metavar="[ID]…")
@selecting.confirmation
@options.output
def discard(
    *, ids: Sequence[int], reason: str | None, sender: str | None, yes: bool, form: str
) -> None:
    """Forget messages for good."""
    with opened_engine() as engine:
        rows = wanted(engine, ids, reason, sender)
        selecting.ask("discard", [as_json(row) for row in rows], COLUMNS, yes=yes, noun="message")
        settled = letters.discard(engine, rows, by())
    emit(form, list(map(letters.as_json, settled)), ("id", "outcome"))


def wanted(
    engine: Engine, ids: Sequence[int], reason: str | None, sender: str | None
) -> list[DeadLetterRow]:
    """The letters that are meant, newest first.

    Raises:
        UsageError: Nothing was named, or ids and a filter.
        NotFoundError: There is no letter of an id.
    """
    if ids and (reason or sender):
        raise click.UsageError("give ids or a filter, not both")
    if not ids and not (reason or sender):
        raise click.UsageError("name messages by id, or filter them with --reason or --sender")

    return engine.store.read(lambda s: letters.wanted(s, ids, reason, sender))
