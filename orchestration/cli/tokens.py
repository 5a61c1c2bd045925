"""`orchestrate tokens list | add | revoke`: who may speak over HTTP."""

import click

from orchestration.cli import options
from orchestration.cli.opening import by, opened_engine, opened_store
from orchestration.cli.output import emit
from orchestration.desk import tokens
from orchestration.desk.tokens import Role
from orchestration.store import tokens as rows

COLUMNS = ("name", "role", "created_at", "created_by")


@click.command("list")
@options.limit
@options.output
def list_(limit: int, form: str) -> None:
    """List tokens, newest first; a token itself is kept nowhere."""
    with opened_store() as opened:
        found = opened.store.read(rows.everyone)
    newest = sorted(found, key=lambda row: row.created_at, reverse=True)[:limit]
    emit(form, list(map(tokens.as_json, newest)), COLUMNS)


@click.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.VIEWER.value,
    show_default=True, help="What it opens; each role may do also what those before it may.",
)  # fmt: skip
@options.output
def add(name: str, role: str, form: str) -> None:
    """Make the token NAME, and print it: it is never shown again."""
    with opened_engine(create=True) as engine:
        token = tokens.add(engine, name, Role(role), by())
    if form == "json":
        emit(form, {"name": name, "role": role, "token": token})
    else:
        click.echo(token)


@click.command()
@click.argument("name")
@options.output
def revoke(name: str, form: str) -> None:
    """Let the token NAME open nothing any more; sessions that it opened end."""
    with opened_engine() as engine:
        tokens.revoke(engine, name, by())
    emit(form, {"revoked": name})
