"""The verbs that work with a server where ORCHESTRATION_URL names one."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from pydantic import TypeAdapter

from orchestration.cli import parameters
from orchestration.cli.ending import code_of, tell
from orchestration.cli.exits import DETACHED
from orchestration.cli.following import Display
from orchestration.cli.starting import say_detached
from orchestration.client import remote_at
from orchestration.errors import UnknownCommandError
from orchestration.settings import Settings
from orchestration.views.progress import Picture
from orchestration.views.why import Blocker

if TYPE_CHECKING:
    from orchestration.remote import Remote

LOOK_EVERY_S = 0.2
EXPLAIN_EVERY_S = 2.0
PICTURE = TypeAdapter(Picture)
Json = dict[str, Any]


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
    known = {each["command"]: each["parameters"] for each in remote.get("/commands")}
    if command not in known:
        raise UnknownCommandError(command, list(known))
    given = parameters.read_by_schema(known[command], pairs, file)
    body = {"command": command, "parameters": given, "priority": priority}
    headers = {} if key is None else {"Idempotency_Key": key}
    started: str = remote.post("/commands", body, **headers)["workflow_id"]
    return started


def follow(remote: "Remote", run_id: str, display: Display) -> None:
    """Show a run until it has ended.

    Raises:
        NotFoundError: There is no such run.
        KeyboardInterrupt: Nobody wants to see the end; the run goes on.
    """
    path, explained = f"/workflows/{run_id}", time.monotonic()
    picture = picture_of(remote, path)
    with display:
        while not picture.status.ended:
            display.show(picture)
            time.sleep(LOOK_EVERY_S)
            if time.monotonic() - explained > EXPLAIN_EVERY_S:
                explained = time.monotonic()
                display.note(blocker_of(remote.get(path)))
            picture = picture_of(remote, path)
        display.show(picture)


def follow_to_end(remote: "Remote", run_id: str, display: Display, form: str, *, full: bool) -> int:
    """Show a run until it has ended, and then its result; the exit code tells how it ended."""
    try:
        follow(remote, run_id, display)
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
    found, cursor = list[Json](), None
    while len(found) < limit:
        page = remote.get(
            "/workflows",
            status=list(statuses) or None,
            command=command,
            limit=min(limit - len(found), 500),
            cursor=cursor,
        )
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    return found


def picture_of(remote: "Remote", path: str) -> Picture:
    """A run as it is there now."""
    return PICTURE.validate_json(json.dumps(remote.get(f"{path}/picture")))


def blocker_of(story: Mapping[str, Any]) -> Blocker:
    """What a run waits for, as the server tells it."""
    waits = story["waits_for"]
    return Blocker(waits["kind"], waits["what"], waits["cure"])
