"""`orchestrate dead-letters list | show | replay | discard`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from orchestration import exit_codes, settings
from orchestration.cli import bulk, exits, options, remotely, selecting
from orchestration.cli.opening import by, engine_over, load_app
from orchestration.cli.output import emit
from orchestration.cli.paging import pages
from orchestration.desk import changes
from orchestration.desk import dead_letters as desk
from orchestration.desk.changes import Outcome
from orchestration.desk.dead_letters import Handled
from orchestration.engine import Engine
from orchestration.errors import OrchestrationError
from orchestration.store import dead_letters
from orchestration.store.connect import Opened
from orchestration.store.dead_letters import DeadLetterRow
from orchestration.views.dead_letters import as_json, readable

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("id", "reason", "routing_key", "sender", "received_at", "size")
PLACE = "/dead-letters"
Json = dict[str, Any]
Handle = Callable[[Engine, Sequence[DeadLetterRow]], Outcome[Handled]]


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

    def here(opened: Opened) -> list[Json]:
        found = opened.store.read(lambda s: dead_letters.newest(s, limit, reason, sender))
        return list(map(as_json, found))

    found = remotely.wherever(
        lambda server: pages(server, PLACE, limit, reason=reason, sender=sender), here
    )
    emit(form, found, COLUMNS)


@click.command()
@click.argument("letter", type=int, metavar="ID")
@options.output
def show(*, letter: int, form: str) -> None:
    """Show one with its body, and say why it could not be used."""

    def here(opened: Opened) -> Json:
        row, body = opened.store.read(lambda s: dead_letters.get(s, letter))
        return {**as_json(row), "body": readable(body)}

    emit(form, remotely.wherever(lambda server: server.get(f"{PLACE}/{letter}"), here))


def verb(name: str, help_: str, handle: Handle) -> click.Command:
    """A command that replays or discards messages, given by id or by a filter."""

    @click.command(name, help=help_)
    @chosen
    @click.argument("ids", type=int, nargs=-1, metavar="[ID]…")
    @selecting.confirmation
    @options.output
    def command(
        *, ids: Sequence[int], reason: str | None, sender: str | None, yes: bool, form: str
    ) -> int:
        require(ids, reason, sender)

        def there(server: "Remote") -> int:
            found = wanted_there(server, ids, reason, sender)
            selecting.ask(name, found, COLUMNS, yes=yes, noun="message")
            return tell(*bulk.handle_all(server, name, [each["id"] for each in found]), form)

        def here(opened: Opened) -> int:
            engine = engine_over(opened)
            rows = engine.store.read(lambda s: desk.wanted(s, ids, reason, sender))
            selecting.ask(name, list(map(as_json, rows)), COLUMNS, yes=yes, noun="message")
            handled, refused = handle(engine, rows)
            return tell(list(map(desk.as_json, handled)), refused, form)

        return remotely.wherever(there, here)

    return command


def require(ids: Sequence[int], reason: str | None, sender: str | None) -> None:
    """Require ids or a filter, and not both.

    Raises:
        UsageError: Neither is given, or both are.
    """
    if ids and (reason or sender):
        raise click.UsageError("give ids or a filter, not both")
    if not ids and not (reason or sender):
        raise click.UsageError("name messages by id, or filter them with --reason or --sender")


def wanted_there(
    server: "Remote", ids: Sequence[int], reason: str | None, sender: str | None
) -> list[Json]:
    """The letters behind a server with the given ids, or those that match the filter, newest first.

    Raises:
        NotFoundError: No letter has one of the ids.
    """
    if ids:
        return [server.get(f"{PLACE}/{each}") for each in dict.fromkeys(ids)]
    return pages(server, PLACE, desk.MOST, reason=reason, sender=sender)


def tell(handled: Sequence[Json], refused: Sequence[OrchestrationError], form: str) -> int:
    """Print the outcomes and the refusals; return the exit code, 0 if all messages were handled."""
    for error in refused:
        exits.complain(error)
    emit(form, handled, ("id", "outcome"))
    of_all = [exits.code_of(error) for error in refused if isinstance(error, changes.OF_ALL)]
    failed = bool(refused) or any(each["died_as"] for each in handled)
    return max(of_all, default=exit_codes.FAILED if failed else exit_codes.COMPLETED)


def _replay(engine: Engine, rows: Sequence[DeadLetterRow]) -> Outcome[Handled]:
    found = settings.load()
    return desk.replay(engine, load_app(found), found, rows, by())


def _discard(engine: Engine, rows: Sequence[DeadLetterRow]) -> Outcome[Handled]:
    return desk.discard(engine, rows, by())


replay = verb(
    "replay",
    "Handle messages again, as if they had just come; after what was wrong is cured.",
    _replay,
)
discard = verb("discard", "Forget messages for good.", _discard)
