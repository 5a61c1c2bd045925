"""`orchestrate backup FILE`, and `orchestrate restore FILE`, which leaves every open run paused."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from orchestration import settings
from orchestration.cli import options, selecting
from orchestration.cli.opening import by, own_store_url
from orchestration.cli.output import emit
from orchestration.clock import new_id
from orchestration.engine import Engine
from orchestration.engine.revival import Revived
from orchestration.ports import Store
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.store.connect import back_up, place_of
from orchestration.store.connect import restore as put_back
from orchestration.store.revival import Replaced
from orchestration.views.times import iso

FILE = click.Path(path_type=Path, dir_okay=False)
MOST_NAMED = 20
STOPPED = (
    "the emergency stop by {} holds here, too: what is open is cancelled,"
    " and nothing begins until `orchestrate emergency release`"
)
RESUME = "`orchestrate workflows resume --status paused`, or `cancel`, or by id"


@click.command()
@click.argument("file", metavar="FILE", type=FILE)
@options.output
def backup(file: Path, form: str) -> None:
    """Write everything that is in the store, as of now, into the new FILE; the fleet works on.

    The file holds the parameters and results of all runs: keep it as safe as the store.
    """
    back_up(own_store_url(settings.load()), file)
    size = file.stat().st_size
    if form == "json":
        emit(form, {"file": str(file), "bytes": size})
    else:
        click.echo(f"wrote {file} ({size:,} bytes)")


@click.command()
@click.argument("file", metavar="[FILE]", type=FILE, required=False)
@click.option("--here", is_flag=True, help="The store was put back by other means: no FILE.")
@click.option("--replace", is_flag=True, help="Give up the store that is there.")
@selecting.confirmation
@options.output
def restore(file: Path | None, *, here: bool, replace: bool, yes: bool, form: str) -> None:
    """Take the backup FILE into use as the store: every open run and schedule is paused.

    Stop the fleet first. What was sent, claimed or shown since the backup is known by its numbers,
    and changes nothing. With --here the store stays, and is only made safe: for one that was put
    back by pg_restore, or with the disk it lies on.
    """
    if here == (file is not None) or (here and replace):
        raise click.UsageError("name a FILE, perhaps with --replace; or say --here, and no FILE")
    found = settings.load()
    url = own_store_url(found)
    place = place_of(url)
    if here or replace:
        selecting.ask("restore", [{"store": place}], ("store",), yes=yes, noun="store")

    def revive(store: Store, place: str, replaced: Replaced) -> Revived:
        rules = rules_of(found, f"cli-{new_id()}", sends=False)
        engine = Engine(store, NoRelay(), rules)
        return engine.revive(new_id(), place, by(), replaced)

    tell(put_back(url, file, revive, replace=replace), place, form)


def tell(revived: Revived, place: str, form: str) -> None:
    """Print what was restored, and what to do next."""
    saved_at = iso(revived.saved_at)
    if form == "json":
        emit(form, {**asdict(revived), "saved_at": saved_at, "store": place})
        return
    click.echo(f"{place} is as it was at {saved_at or 'some time before'}")
    if revived.stop:
        click.echo(STOPPED.format(revived.stop))
    following = list(next_steps(revived))
    colon = "; what comes next:" if following else ""
    click.echo(f"{selecting.count(revived.paused)} paused{colon}")
    for line in following:
        click.echo(line)


def next_steps(revived: Revived) -> Iterator[str]:
    """What an operator has to do before everything goes on as it was."""
    if revived.paused:
        yield from (*begun(revived), RESUME)
    for name in revived.schedules:
        yield f"`orchestrate schedules resume {name}`"
    for name in revived.tokens:
        yield f"`orchestrate tokens add {name} --role ROLE`: it is gone, as if revoked since"


def begun(revived: Revived) -> Iterator[str]:
    """The lines about the steps that had begun."""
    if revived.begun:
        yield "look first at what had begun and may have had effects; it will be done again:"
    for step in revived.begun[:MOST_NAMED]:
        yield f"  {step}"
    if len(revived.begun) > MOST_NAMED:
        yield f"  and {len(revived.begun) - MOST_NAMED} more; `-o json` names them all"
