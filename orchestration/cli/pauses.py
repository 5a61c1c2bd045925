"""`orchestrate agents pause | resume`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from orchestration.circuit import CircuitState
from orchestration.cli import options, remotely
from orchestration.cli.opening import by, engine_over
from orchestration.cli.output import emit
from orchestration.engine import By, Engine
from orchestration.server_paths import path_of
from orchestration.store import agents
from orchestration.store.connect import Opened
from orchestration.views.fleet import as_json

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("name", "paused", "paused_by")
DONE = ("lifted", "circuit_closed")
Json = dict[str, Any]
Change = Callable[[Engine, tuple[str, ...], By], dict[str, list[str]]]


def verb(name: str, help_: str, change: Change) -> click.Command:
    """A command that changes agents, given by name."""

    @click.command(name, help=help_)
    @click.argument("names", nargs=-1, required=True, metavar="NAME…")
    @click.option("--reason", default="", help="Why, for the audit.")
    @options.output
    def command(names: tuple[str, ...], reason: str, form: str) -> None:
        def here(opened: Opened) -> list[Json]:
            engine = engine_over(opened)
            before = listed(engine)
            lifted = change(engine, names, by(reason))
            return changed(before, listed(engine), names, lifted)

        rows = remotely.wherever(lambda server: change_there(server, name, names, reason), here)
        emit(form, rows, (*COLUMNS, *DONE) if any("lifted" in row for row in rows) else COLUMNS)

    return command


def listed(engine: Engine) -> list[Json]:
    """Every agent of this machine's own store."""
    return list(map(as_json, engine.store.read(agents.everyone)))


def change_there(server: "Remote", verb: str, names: tuple[str, ...], reason: str) -> list[Json]:
    """Pause or resume agents behind a server.

    Raises:
        NotFoundError: There was never an agent of one of the names; none is changed.
    """
    before = server.get("/agents")
    known = {each["name"] for each in before}
    unknown = [name for name in names if name not in known]  # go first: the server refuses them
    lifted = dict[str, list[str]]()
    for name in dict.fromkeys((*unknown, *names)):
        told = server.post(f"{path_of(name, 'agents')}/{verb}", {"reason": reason})
        if "lifted" in told:
            lifted[name] = told["lifted"]
    return changed(before, server.get("/agents"), names, lifted)


def changed(
    before: list[Json], after: list[Json], names: tuple[str, ...], lifted: dict[str, list[str]]
) -> list[Json]:
    """The named agents after a change; a resume also tells what it ended."""
    spared = {each["name"] for each in before if each["circuit"] != CircuitState.CLOSED}

    def done(name: str) -> Json:
        return {"lifted": lifted[name], "circuit_closed": name in spared} if lifted else {}

    return [
        {column: each[column] for column in COLUMNS} | done(each["name"])
        for each in after
        if each["name"] in names
    ]


def pause_all(engine: Engine, names: tuple[str, ...], who: By) -> dict[str, list[str]]:
    """Pause agents; return the ended pauses, of which there are none."""
    engine.pause_agents(names, who)
    return {}


pause = verb(
    "pause",
    "Send nothing to the agents NAME until they are resumed; what they have begun may finish.",
    pause_all,
)
resume = verb(
    "resume",
    "Let the agents NAME work again: end all pauses and close their circuits, and say whose pauses"
    " ended, and whether it closed a circuit.",
    Engine.resume_agents,
)
