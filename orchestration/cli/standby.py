"""`orchestrate agents pause | resume`."""

from collections.abc import Callable

import click

from orchestration.cli import options
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.engine import By, Engine
from orchestration.store import agents

COLUMNS = ("name", "paused")
Change = Callable[[Engine, tuple[str, ...], By], None]


def verb(name: str, help_: str, change: Change) -> click.Command:
    """A command that changes agents, given by name."""

    @click.command(name, help=help_)
    @click.argument("names", nargs=-1, required=True, metavar="NAME…")
    @click.option("--reason", default="", help="Why, for the audit.")
    @options.output
    def command(names: tuple[str, ...], reason: str, form: str) -> None:
        with opened_engine() as engine:
            change(engine, names, by(reason))
            found = engine.store.read(agents.everyone)
        rows = [{"name": each.name, "paused": each.paused} for each in found]
        emit(form, [row for row in rows if row["name"] in names], COLUMNS)

    return command


pause = verb(
    "pause",
    "Send nothing to the agents NAME until they are resumed; what they have begun may finish.",
    Engine.pause_agents,
)
resume = verb("resume", "Let the paused agents NAME work again.", Engine.resume_agents)
