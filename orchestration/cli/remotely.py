"""The verbs that work with a server where ORCHESTRATION_URL names one."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from orchestration import settings
from orchestration.cli import parameters, selecting
from orchestration.cli.displays import for_output
from orchestration.cli.ending import code_of, tell
from orchestration.cli.exits import DETACHED
from orchestration.cli.following import Display
from orchestration.cli.opening import opened_store
from orchestration.cli.paging import pages
from orchestration.cli.starting import say_detached
from orchestration.client import remote_at
from orchestration.desk import changes
from orchestration.errors import UnknownCommandError
from orchestration.settings import Settings
from orchestration.state import RunStatus
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
    """Do something behind the server that is configured, or else with this machine's own store.

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
    """The server that is configured; None: this machine's own store is meant."""
    return remote_at(found.orchestration_url, found) if found.orchestration_url else None


def start(
    remote: "Remote",
    command: str,
    pairs: Sequence[str],
    file: IO[bytes] | None,
    key: str | None = None,
    priority: int | None = None,
) -> str:
    """Start a workflow there, and tell its id.

    Raises:
        RejectedError: The name or the parameters are wrong.
        ServerError: The server cannot be reached.
    """
    given = parameters.read_by_schema(schema_of(remote, command), pairs, file)
    body = {"command": command, "parameters": given, "priority": priority}
    headers = {} if key is None else {"Idempotency_Key": key}
    started: str = remote.post("/commands", body, **headers)["workflow_id"]
    return started


def schema_of(remote: "Remote", command: str) -> Json:
    """The JSON Schema of a command's parameters, as the server knows it.

    Raises:
        UnknownCommandError: It has no such command.
        ServerError: It cannot be reached.
    """
    known = {each["command"]: each["parameters"] for each in remote.get("/commands")}
    if command not in known:
        raise UnknownCommandError(command, list(known))
    schema: Json = known[command]
    return schema


class Glass:
    """Shows one run behind a server.

    Attributes:
        clock: The clock there: the times in a picture are of that one.
    """

    def __init__(self, remote: "Remote", run_id: str) -> None:
        self.clock = ServerClock()
        self._remote = remote
        self._path = path_of(run_id)

    def picture(self) -> Picture:
        """The run as it is there now.

        Raises:
            NotFoundError: There is no such run.
            ServerError: The server cannot be reached.
        """
        found: Json = {}

        def ask() -> float:
            found.update(self._remote.get(f"{self._path}/picture"))
            now = found.get("now")  # a server of 0.2.0 does not tell it
            return (datetime.fromisoformat(now) if now else self.clock.now()).timestamp()

        self.clock.ask(ask)
        return PICTURE.validate_json(json.dumps(found))

    def blocker(self) -> Blocker:
        """What the run waits for."""
        return blocker_of(self._remote.get(self._path))


def follow(glass: Glass, display: Display) -> None:
    """Show a run until it has ended.

    Raises:
        NotFoundError: There is no such run.
        KeyboardInterrupt: Nobody wants to see the end; the run goes on.
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
    """Show a run until it has ended, and then its result; the exit code tells how it ended."""
    glass = Glass(remote, run_id)
    try:
        follow(glass, for_output(form, glass.clock))
    except KeyboardInterrupt:
        say_detached(run_id, f"it goes on behind {remote.place}")
        sys.exit(DETACHED)
    final: Json = remote.get(f"/workflows/{run_id}/result")
    tell(final, form, full=full)
    return code_of(final["status"])


def listed(
    remote: "Remote", statuses: Sequence[str], command: str | None, limit: int
) -> list[Json]:
    """Runs, newest first, page by page."""
    wanted = list(statuses) or None
    return pages(remote, "/workflows", limit, status=wanted, command=command)


def chosen(
    remote: "Remote",
    ids: Sequence[str],
    statuses: Sequence[str],
    command: str | None,
    allowed: Sequence[RunStatus],
) -> list[Json]:
    """The runs that are meant, by whole ids or a filter; such as the verb can change, if by that.

    Raises:
        UsageError: Nothing was named, or ids and a filter.
        NotFoundError: An id is no run's.
    """
    selecting.require(ids, statuses, command)
    if ids:
        return [named(remote, each) for each in dict.fromkeys(ids)]
    wanted = [each for each in allowed if not statuses or each in statuses]
    return listed(remote, wanted, command, changes.MOST) if wanted else []


def named(remote: "Remote", run_id: str) -> Json:
    """One line about a run of which the whole id is known.

    Raises:
        NotFoundError: There is none.
    """
    return {**remote.get(f"{path_of(run_id)}/progress"), "id": run_id}


def path_of(name: str, noun: str = "workflows") -> str:
    """Where a server has a run, or something else that has a name."""
    return f"/{noun}/{quote(name, safe='')}"


def blocker_of(story: Mapping[str, Any]) -> Blocker:
    """What a run waits for, as the server tells it."""
    waits = story["waits_for"]
    return Blocker(waits["kind"], waits["what"], waits["cure"])
