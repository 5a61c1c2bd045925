"""`orchestrate run`: start a workflow, and follow it to its end."""

from contextlib import closing
from typing import IO

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.displays import for_output
from orchestration.cli.ending import tell_end
from orchestration.cli.following import follow
from orchestration.cli.starting import Begun, make_wish, started, told_of
from orchestration.store.connect import open_store


@click.command(cls=options.Starter)
@click.argument("command")
@options.given_parameters
@options.idempotency_key
@options.full
@options.output
def run(
    *,
    command: str,
    pairs: tuple[str, ...],
    file: IO[bytes] | None,
    idempotency_key: str | None,
    form: str,
    full: bool,
) -> int:
    """Start the workflow COMMAND, and follow it to its end.

    `orchestrate commands` lists what can be started. Where nobody serves and no broker is set, this
    process works on the run itself; then it takes none of the MAX_CONCURRENT_WORKFLOWS slots.

    Exit code: 0 completed, 1 failed or cancelled, 2 wrong input, 3 not now: the store or the broker
    cannot be reached, an emergency stop holds, or too many runs are pending. Ctrl-C leaves the run
    as it is, and exits 130. If an error ends this command before the run, the run is named all the
    same. Repeated with the same --idempotency-key, the command goes on with that run.
    """
    found = settings.load()
    if (server := remotely.server_of(found)) is not None:
        with closing(server):
            run_id = remotely.start(server, command, pairs, file, idempotency_key)
            with told_of(Begun(run_id, f"it was started behind {server.place}"), form):
                return remotely.follow_to_end(server, run_id, form, full=full)
    wish = make_wish(command, pairs, file, found)
    opened = open_store(found.store_url)
    with (
        closing(opened.store),
        started(wish, opened, idempotency_key) as begun,
        told_of(begun, form),
    ):
        follow(opened, begun.run_id, for_output(form, opened.store.clock))
        return tell_end(opened.store, begun.run_id, form, full=full)
