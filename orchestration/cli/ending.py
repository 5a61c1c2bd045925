"""What is printed when a run has ended, and its exit code."""

from typing import Any

import click

from orchestration import exit_codes
from orchestration.cli.output import emit, without
from orchestration.ports import Store
from orchestration.state import RunStatus
from orchestration.text import printable
from orchestration.views import workflow

LONG = frozenset({"trade_list", "equity_curve"})


def tell_end(store: Store, run_id: str, form: str, *, full: bool) -> int:
    """Print the result of an ended run, or its errors."""
    final = store.read(lambda s: workflow.final(s, run_id))
    tell(final, form, full=full)
    return code_of(final["status"])


def tell(final: dict[str, Any], form: str, *, full: bool) -> None:
    """Print how a run ended."""
    if not full:
        final["result"] = without(final["result"], LONG)
    if form == "json":
        emit(form, final)
    else:
        tell_people(final)


def code_of(status: str) -> int:
    """The exit code for the status of an ended run."""
    return exit_codes.COMPLETED if status == RunStatus.COMPLETED else exit_codes.FAILED


def tell_people(final: dict[str, Any]) -> None:
    """Print how a run ended, its result or its errors, and what to type next."""
    click.echo()
    if final["status"] == RunStatus.COMPLETED:
        emit("table", final["result"])
        return
    run_id = final["workflow_id"]
    click.echo(f"{run_id} {final['status']}")
    for message in final["error_messages"]:
        click.echo(f"  {printable(message)}")
    click.echo(f"next: `orchestrate workflows show {run_id}`")
