"""The verbs behind the server that ORCHESTRATION_URL names, if it is set."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

from orchestration import settings
from orchestration.cli import parameters, selecting
from orchestration.cli.displays import for_output
from orchestration.cli.ending import code_of, tell
from orchestration.cli.following import Display, told_patience
from orchestration.cli.opening import opened_store
from orchestration.cli.paging import pages
from orchestration.cli.starting import Begun, say_detached
from orchestration.client import remote_at
from orchestration.desk import changes
from orchestration.errors import UnknownCommandError
from orchestration.exit_codes import DETACHED
from orchestration.server_paths import path_of
from orchestration.settings import Settings
from orchestration.store.connect import Opened
from orchestration.store.server_clock import ServerClock
from orchestration.views.blocker import Blocker
from orchestration.views.progress import Picture

if TYPE_CHECKING:
    from orchestration.remote import Remote

LOOK_EVERY_S = 0.2
EXPLAIN_EVERY_S = 2.0
PICTURE = TypeAdapter(Picture)
Json = dict[str, Any]
T = TypeVar("T")


def wherever(
    there: Callable[["Remote"], T], here: Callable[[Opened], T], *, create: bool = False
) -> T:
    """Call `there` with the configured server, or else `here` with this machine's own store.

    Raises:
        ServerError: The server cannot be reached.
        StoreError: The store cannot be opened; or there is none, and `create` is false.
    """
    if (server := server_of(settings.load())) is not None:
        with closing(server):
            return there(server)
    with opened_store(create=create) as opened:
        return here(opened)


def server_of(found: Settings) -> "Remote | None":
    """The configured server; None: this machine's own store is meant."""
    url = found.orchestration_url
    return remote_at(url, found, told_patience) if url else None


def start(
    remote: "Remote",
    command: str,
    pairs: Sequence[str],
    file: IO[bytes] | None,
    key: str | None = None,
    priority: int | None = None,
) -> str:
    """Start a workflow behind the server, and return the run's id.

    Raises:
        RejectedError: The name or the parameters are wrong.
        ServerError: The server cannot be reached.
    """
    given = parameters.read_by_schema(schema_of(remote, command), pairs, file)
    body = {"command": command, "parameters": given, "priority": priority}
    started: str = remote.post("/commands", body, key=key)["workflow_id"]
    return started


def schema_of(remote: "Remote", command: str) -> Json:
    """The JSON Schema of a command's parameters, as the server knows it.

    Raises:
        UnknownCommandError: The server has no such command.
        ServerError: The server cannot be reached.
    """
    known = {each["command"]: each["parameters"] for each in remote.get("/commands")}
    if command not in known:
        raise UnknownCommandError(command, list(known))
    schema: Json = known[command]
    return schema


class Glass:
    """Shows one run behind a server.

    Attributes:
        clock: The server's clock, which the times in a picture are by.
    """

    def __init__(self, remote: "Remote", run_id: str) -> None:
        self.clock = ServerClock()
        self._remote = remote
        self._path = path_of(run_id)

    def picture(self) -> Picture:
        """The run as it is now.

        Raises:
            NotFoundError: There is no such run.
            ServerError: The server has been away for long.
        """
        found: Json = {}

        def ask() -> float:
            found.update(self._remote.wait_for(f"{self._path}/picture"))
            now = found.get("now")  # a server of 0.2.0 does not send it
            return (datetime.fromisoformat(now) if now else self.clock.now()).timestamp()

        self.clock.ask(ask)
        return PICTURE.validate_json(json.dumps(found))

    def blocker(self) -> Blocker:
        """What the run waits for."""
        return blocker_of(self._remote.wait_for(self._path))


def follow(glass: Glass, display: Display) -> None:
    """Show a run until it has ended.

    Raises:
        NotFoundError: There is no such run.
        ServerError: The server has been away for long.
        KeyboardInterrupt: The user has pressed Ctrl-C; the run goes on.
    """
    explained, picture = time.monotonic(), glass.picture()
    with display:
        while not picture.status.ended:
            display.show(picture)
            time.sleep(LOOK_EVERY_S)
            if time.monotonic() - explained > EXPLAIN_EVERY_S:
                explained = time.monotonic()
                display.note(glass.blocker())
            picture = glass.picture()
        display.show(picture)


def follow_to_end(remote: "Remote", run_id: str, form: str, *, full: bool) -> int:
    """Show a run until it has ended, and then its result; return its exit code.

    Raises:
        NotFoundError: There is no such run.
        ServerError: The server has been away for long.
    """
    glass = Glass(remote, run_id)
    try:
        follow(glass, for_output(form, glass.clock))
        final: Json = remote.wait_for(f"{path_of(run_id)}/result")
    except KeyboardInterrupt:
        say_detached(Begun(run_id, f"it goes on behind {remote.place}"))
        sys.exit(DETACHED)
    tell(final, form, full=full)
    return code_of(final["status"])


def listed(
    remote: "Remote", statuses: Sequence[str], command: str | None, limit: int
) -> list[Json]:
    """Runs, newest first, page by page."""
    wanted = list(statuses) or None
    return pages(remote, "/workflows", limit, status=wanted, command=command)


def chosen(remote: "Remote", wanted: selecting.Wanted) -> list[Json]:
    """The runs with the given whole ids, or those that match the filter and can be changed.

    Raises:
        UsageError: Neither ids nor a filter is given, or both are.
        NotFoundError: No run has one of the ids.
    """
    selecting.require(wanted)
    if wanted.ids:
        return [named(remote, each) for each in dict.fromkeys(wanted.ids)]
    statuses = [each for each in wanted.allowed if not wanted.statuses or each in wanted.statuses]
    return listed(remote, statuses, wanted.command, changes.MOST) if statuses else []


def named(remote: "Remote", run_id: str) -> Json:
    """The line of a listing for the run with a whole id.

    Raises:
        NotFoundError: There is no such run.
    """
    return {**remote.get(f"{path_of(run_id)}/progress"), "id": run_id}


def blocker_of(story: Mapping[str, Any]) -> Blocker:
    """What a run waits for, by the server's answer."""
    waits = story["waits_for"]
    return Blocker(waits["kind"], waits["what"], waits["cure"])
