"""`orchestrate agents pause | resume`."""

from collections.abc import Callable

import click

from orchestration.cli import options
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.engine import By, Engine
from orchestration.store import agents

COLUMNS = ("name", "paused", "paused_by")
Change = Callable[[Engine, tuple[str, ...], By], dict[str, list[str]]]


def verb(name: str, help_: str, change: Change) -> click.Command:
    """A command that changes agents, given by name."""

    @click.command(name, help=help_)
    @click.argument("names", nargs=-1, required=True, metavar="NAME…")
    @click.option("--reason", default="", help="Why, for the audit.")
    @options.output
    def command(names: tuple[str, ...], reason: str, form: str) -> None:
        with opened_engine() as engine:
            changed = change(engine, names, by(reason))
            found = engine.store.read(agents.everyone)
        rows = [
            {"name": each.name, "paused": each.paused, "paused_by": each.paused_by}
            | ({"lifted": changed[each.name]} if changed else {})
            for each in found
            if each.name in names
        ]
        emit(form, rows, (*COLUMNS, "lifted") if changed else COLUMNS)

    return command


def pause_all(engine: Engine, names: tuple[str, ...], who: By) -> dict[str, list[str]]:
    """Pause agents; that ends nobody's pause."""
    engine.pause_agents(names, who)
    return {}


pause = verb(
    "pause",
    "Send nothing to the agents NAME until they are resumed; what they have begun may finish.",
    pause_all,
)
resume = verb(
    "resume",
    "Let the agents NAME work again, whoever paused them, and say whose pauses ended.",
    Engine.resume_agents,
)
