"""`orchestrate verify`: the setup guide's five scenarios, played for real."""

import logging

import click

from orchestration import exit_codes, settings
from orchestration.cli import options
from orchestration.cli.output import emit
from orchestration.verification import verifying


@click.command()
@click.option("--simulate", is_flag=True, help="Without a broker, in this process alone.")
@options.output
def verify(*, simulate: bool, form: str) -> int:
    """Try out the bus: connection, heartbeats, commands, errors, and speed.

    It brings an orchestrator and agents of its own, whose queues and store nobody else sees and
    of which nothing is left, so it may be used beside a fleet that works. Exit code 1 where
    something is not as it should be, 3 where there is no broker to try.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # connections are cut on purpose
    found = settings.load()
    report = verifying.simulate(found) if simulate else verifying.verify(found)
    if form == "json":
        emit(form, report.document())
    else:
        click.echo(report.text())
    return exit_codes.COMPLETED if report.is_good else exit_codes.FAILED
