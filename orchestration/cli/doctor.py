"""`orchestrate doctor`: what is wrong around the fleet, and the cure for each problem."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from orchestration import exit_codes
from orchestration.cli import options
from orchestration.cli.opening import imported_app
from orchestration.cli.output import emit
from orchestration.doctor.examination import examine
from orchestration.doctor.finding import Finding, Level
from orchestration.text import printable

SHOWN = ("check", "level", "what", "cure")


@click.command()
@click.option("--fix", is_flag=True, help="Cure what can be cured without harm.")
@options.output
def doctor(*, fix: bool, form: str) -> int:
    """Look for everything that is known to go wrong, and say what to do about it.

    It changes nothing without --fix, which sets the dead-letter policy and missing bindings. Exit
    0: no problem; 1: some; 3: something that is needed cannot be reached.
    """
    found = examine(imported_app, fix=fix)
    if form == "json":
        emit(form, [{name: asdict(each)[name] for name in SHOWN} for each in found])
    else:
        for each in found:
            tell(each)
    return code_of(found)


def tell(finding: Finding) -> None:
    """Print one finding."""
    click.echo(f"{finding.level.value:8} {finding.check}: {printable(finding.what)}")
    if finding.cure:
        click.echo(f"{'':8} cure: {printable(finding.cure)}")


def code_of(found: Sequence[Finding]) -> int:
    """The exit code for the findings."""
    if any(each.unreachable for each in found):
        return exit_codes.UNREACHABLE
    bad = any(each.level is Level.PROBLEM for each in found)
    return exit_codes.FAILED if bad else exit_codes.COMPLETED
