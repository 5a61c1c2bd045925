"""`orchestrate workers stacks`: where the threads of a worker stand."""

import time

import click

from orchestration.cli import options
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.desk.workers import ask_stacks
from orchestration.engine import Engine
from orchestration.errors import StateError
from orchestration.store import workers
from orchestration.text import printable

POLL_S = 0.1


@click.command()
@click.argument("worker", metavar="ID")
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="So many seconds for its answer.",
)
@options.output
def stacks(*, worker: str, seconds: float, form: str) -> None:
    """Tell where each thread of the worker ID stands, those that work on a step first.

    It answers with its next beat, whatever its steps do; the lines hold code and no values.
    """
    with opened_engine() as engine:
        found = ask_stacks(engine, worker, by())
        text = answer(engine, found, seconds)
    if form == "json":
        emit(form, {"worker": found, "stacks": text})
    else:
        click.echo(printable(text))


def answer(engine: Engine, worker: str, seconds: float) -> str:
    """The stacks that the worker has written.

    Raises:
        StateError: The worker does not answer.
    """
    deadline = time.monotonic() + seconds
    while (text := engine.store.read(lambda s: workers.stacks(s, worker))) is None:
        if time.monotonic() >= deadline:
            raise StateError(
                f"{worker} has not answered in {seconds:g} s: it does not beat;"
                " `orchestrate workers list` says whether it lives"
            )
        time.sleep(POLL_S)
    return text
