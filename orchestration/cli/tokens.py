"""`orchestrate tokens list | add | revoke`: who may use the HTTP interface."""

from typing import TYPE_CHECKING, Any

import click

from orchestration.cli import options, remotely
from orchestration.cli.opening import by, engine_over
from orchestration.cli.output import emit
from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.server_paths import path_of
from orchestration.store import tokens as rows
from orchestration.store.connect import Opened

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("name", "role", "created_at", "created_by")
Json = dict[str, Any]


@click.command("list")
@options.limit
@options.output
def list_(limit: int, form: str) -> None:
    """List tokens, newest first; a token itself is kept nowhere."""
    found: list[Json] = remotely.wherever(
        lambda server: server.get("/tokens"),
        lambda opened: list(map(tokens.as_json, opened.store.read(rows.everyone))),
    )
    newest = sorted(found, key=lambda each: str(each["created_at"]), reverse=True)
    emit(form, newest[:limit], COLUMNS)


@click.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.VIEWER.value,
    show_default=True, help="What it opens; each role may do also what those before it may.",
)  # fmt: skip
@options.output
def add(name: str, role: str, form: str) -> None:
    """Make the token NAME, and print it: it is never shown again."""

    def there(server: "Remote") -> Json:
        made: Json = server.post("/tokens", {"name": name, "role": role})
        return made

    def here(opened: Opened) -> Json:
        token = tokens.add(engine_over(opened), name, Role(role), by())
        return {"name": name, "role": role, "token": token}

    made = remotely.wherever(there, here, create=True)
    if form == "json":
        emit(form, made)
    else:
        click.echo(made["token"])


@click.command()
@click.argument("name")
@options.output
def revoke(name: str, form: str) -> None:
    """Let the token NAME open nothing any more; sessions that it opened end."""
    remotely.wherever(
        lambda server: server.delete(path_of(name, "tokens")),
        lambda opened: tokens.revoke(engine_over(opened), name, by()),
    )
    emit(form, {"revoked": name})
