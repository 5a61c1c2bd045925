"""`orchestrate migrate`: bring the store's schema up to date."""

from contextlib import closing

import click

from orchestration import settings
from orchestration.cli import exits, options
from orchestration.cli.output import emit
from orchestration.store.connect import open_old


@click.command()
@click.option("--check", is_flag=True, help="Only tell; exit 1 if something is missing.")
@options.output
def migrate(*, check: bool, form: str) -> int:
    """Bring the store's schema up to date, and make the store where there is none.

    Stop the fleet first: workers of an older release would misread it.
    """
    store = open_old(settings.load().store_url, create=not check)
    with closing(store):
        names = store.missing() if check else store.migrate()
    if form == "json":
        emit(form, {"missing" if check else "applied": names})
    else:
        for name in names:
            click.echo(f"{'missing' if check else 'applied'}: {name}")
        if not names:
            click.echo("the store is up to date")
    return exits.FAILED if check and names else exits.COMPLETED
