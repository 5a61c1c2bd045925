"""`orchestrate workflows list | watch | why`."""

from contextlib import closing
from typing import TYPE_CHECKING

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.displays import for_output
from orchestration.cli.ending import tell_end
from orchestration.cli.following import follow
from orchestration.cli.opening import opened_store, run_named
from orchestration.cli.output import emit
from orchestration.cli.selecting import STATUSES
from orchestration.desk.explaining import explain
from orchestration.server_paths import path_of
from orchestration.state import RunStatus
from orchestration.store import runs
from orchestration.store.connect import Opened
from orchestration.text import printable
from orchestration.views.blocker import Blocker
from orchestration.views.workflow import summary

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("id", "status", "progress", "priority", "sender", "created_at", "ended_at")


@click.command("list")
@click.option("--status", "statuses", multiple=True, type=STATUSES, help="Only these.")
@click.option("--command", help="Only runs of this workflow.")
@options.limit
@options.output
def list_(statuses: tuple[str, ...], command: str | None, limit: int, form: str) -> None:
    """List runs, newest first."""
    if (server := remotely.server_of(settings.load())) is not None:
        with closing(server):
            emit(form, remotely.listed(server, statuses, command, limit), COLUMNS)
        return
    with opened_store() as opened:
        found = opened.store.read(lambda s: runs.newest(s, limit, statuses, command))
    emit(form, [summary(run) for run in found], COLUMNS)


@click.command(epilog=options.SHORT_ID)
@click.argument("run_id", metavar="ID")
@options.full
@options.output
def watch(*, run_id: str, form: str, full: bool) -> int:
    """Follow the run ID to its end, and print its result; exit codes as for `run`.

    Ctrl-C leaves the run as it is, and exits 130.
    """
    if (server := remotely.server_of(settings.load())) is not None:
        with closing(server):
            server.get(f"{path_of(run_id)}/picture")  # nothing was started: fail at once
            return remotely.follow_to_end(server, run_id, form, full=full)
    with opened_store() as opened:
        run_id = run_named(opened, run_id)
        follow(opened, run_id, for_output(form, opened.store.clock))
        return tell_end(opened.store, run_id, form, full=full)


@click.command(epilog=options.SHORT_ID)
@click.argument("run_id", metavar="ID")
@options.output
def why(run_id: str, form: str) -> None:
    """Say in one line what the run ID waits for, and the cure."""

    def there(server: "Remote") -> None:
        story = server.get(path_of(run_id))
        say_why(story["id"], story["status"], remotely.blocker_of(story), form)

    def here(opened: Opened) -> None:
        whole = run_named(opened, run_id)
        blocker = explain(opened, settings.load(), whole)
        status: RunStatus = opened.store.read(lambda s: runs.status(s, whole))
        # now: while another process holds the store's lock, closing the store waits
        say_why(whole, status, blocker, form)

    remotely.wherever(there, here)


def say_why(run_id: str, status: str, blocker: Blocker, form: str) -> None:
    """Print what a run waits for."""
    if form == "json":
        found = {"workflow_id": run_id, "status": str(status)}
        emit(form, found | {"kind": blocker.kind, "what": blocker.what, "cure": blocker.cure})
    else:
        click.echo(printable(str(blocker)))
