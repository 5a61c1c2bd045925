"""`orchestrate migrate`: bring the store's schema up to date, or the store to another place."""

from contextlib import closing

import click

from orchestration import exit_codes, settings
from orchestration.cli import options
from orchestration.cli.opening import own_store_url
from orchestration.cli.output import emit
from orchestration.store.connect import move, open_old, place_of, upgrade
from orchestration.text import counted


@click.command()
@click.option("--check", is_flag=True, help="Only tell; exit 1 if something is missing.")
@click.option("--to", "target", metavar="URL", help="Move all to an empty postgresql://… store.")
@options.output
def migrate(*, check: bool, target: str | None, form: str) -> int:
    """Bring the store's schema up to date, and make the store where there is none.

    The fleet works on, unless a migration says that the release before would misread the store:
    then it waits for the last worker. A store that is worked on does not move.
    """
    if target is not None:
        if check:
            raise click.UsageError("--check and --to exclude each other")
        return relocate(target, form)
    url = own_store_url(settings.load())
    names = missing(url) if check else upgrade(url)
    if form == "json":
        emit(form, {"missing" if check else "applied": names})
    else:
        for name in names:
            click.echo(f"{'missing' if check else 'applied'}: {name}")
        if not names:
            click.echo("the store is up to date")
    return exit_codes.FAILED if check and names else exit_codes.COMPLETED


def missing(url: str) -> list[str]:
    """What a migration would add to the schema."""
    with closing(open_old(url, create=False)) as store:
        return store.missing()


def relocate(target: str, form: str) -> int:
    """Move the store, and print what to do next."""
    copied = move(own_store_url(settings.load()), target)
    if form == "json":
        emit(form, {"moved_to": place_of(target), "copied": dict(copied)})
    else:
        rows = sum(copied.values())
        click.echo(
            f"moved {counted(copied['runs'], 'run')} ({rows} rows in all) to {place_of(target)}"
        )
        click.echo("set DATABASE_URL to it, and start the workers: open runs go on there")
    return exit_codes.COMPLETED
