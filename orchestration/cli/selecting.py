"""The runs that a verb changes: those with given ids or those of a filter, after consent."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from orchestration.cli.exits import complain
from orchestration.cli.output import emit
from orchestration.desk import changes
from orchestration.desk.naming import run_named
from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store.listings import Filter
from orchestration.text import counted
from orchestration.views.workflow import summary

F = TypeVar("F", bound=Callable[..., Any])

STATUSES = click.Choice([status.value for status in RunStatus])
BEGIN_AGAIN = ("retry", "fork")
COLUMNS = ("id", "status", "progress", "created_at")


def selection(function: F) -> F:
    """IDs, `--status` and `--command`, given as `ids`, `statuses` and `command`."""
    for option in (
        click.option("--command", help="All runs of this workflow."),
        click.option("--status", "statuses", multiple=True, type=STATUSES, help="All in this."),
        click.argument("ids", nargs=-1, metavar="[ID]…"),
    ):
        function = option(function)
    return function


def confirmation(function: F) -> F:
    """`--yes`, given as `yes`."""
    return click.option("-y", "--yes", is_flag=True, help="Do it without asking.")(function)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs a verb is to change.

    Attributes:
        ids: Those with these ids; empty: those that match the filter.
        allowed: The statuses in which the verb can change a run that matches the filter.
    """

    ids: Sequence[str]
    statuses: Sequence[str]
    command: str | None
    allowed: Sequence[RunStatus]


def select(session: Session, wanted: Wanted) -> list[dict[str, Any]]:
    """The runs with the given ids, or those that match the filter and can be changed.

    Raises:
        UsageError: Neither ids nor a filter is given, or both are.
        NotFoundError: An id belongs to no run, or is the beginning of several.
    """
    require(wanted)
    if wanted.ids:
        whole = [run_named(session, each) for each in wanted.ids]
        return list(map(summary, changes.named(session, whole)))
    match = Filter(statuses=tuple(map(RunStatus, wanted.statuses)), command=wanted.command)
    return list(map(summary, changes.found(session, match, wanted.allowed)))


def require(wanted: Wanted) -> None:
    """Require ids or a filter, and not both.

    Raises:
        UsageError: Neither is given, or both are.
    """
    check(wanted.ids, wanted.statuses, wanted.command)
    if not wanted.ids and not wanted.statuses and not wanted.command:
        raise click.UsageError("name runs by id, or filter them with --status or --command")


def check(ids: Sequence[str], statuses: Sequence[str], command: str | None) -> None:
    """Refuse ids together with a filter, and parameters in place of ids.

    Raises:
        UsageError: Ids and a filter are given, or a `key=value` pair.
    """
    if pairs := [each for each in ids if "=" in each]:
        raise click.UsageError(f"{pairs[0]} is no id{cure_of(pairs[0])}")
    if ids and (statuses or command):
        raise click.UsageError("give ids or a filter, not both")


def cure_of(pair: str) -> str:
    """For a verb that lets a run begin again: how to start a run with other parameters."""
    if click.get_current_context().info_name not in BEGIN_AGAIN:
        return ""
    return (
        ": a run keeps its parameters;"
        f" `orchestrate workflows fork ID -p {shlex.quote(pair)}` makes a new one with others"
    )


def permitted(
    verb: str, found: Sequence[dict[str, Any]], allowed: Sequence[RunStatus]
) -> list[dict[str, Any]]:
    """The runs whose status lets the verb change them; prints for each other run why not."""
    good = [run for run in found if run["status"] in allowed]
    for run in found:
        if run not in good:
            complain(changes.refusal(verb, run["id"], run["status"], allowed))
    return good


def ask(
    verb: str,
    found: Sequence[dict[str, Any]],
    columns: Sequence[str] = COLUMNS,
    *,
    yes: bool,
    noun: str = "run",
) -> None:
    """Show what would be changed, and go on only with consent.

    Raises:
        UsageError: There is no terminal to ask at.
        Exit: The answer is no.
    """
    if yes:
        return
    if not is_terminal():
        raise click.UsageError(
            f"this would {verb} {count(found, noun)}: add --yes, nobody can be asked"
        )
    emit("table", found, columns)
    if not click.confirm(f"{verb} {count(found, noun)}?", err=True):
        click.echo("nothing was changed", err=True)
        raise click.exceptions.Exit(1)


def is_terminal() -> bool:
    """Whether there is a terminal to ask at."""
    return sys.stdin.isatty()


def count(found: Sequence[object], noun: str = "run") -> str:
    """How many there are, in words."""
    return counted(len(found), noun)
