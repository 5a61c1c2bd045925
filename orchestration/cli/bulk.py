"""Runs and messages that are changed behind a server, many in one request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.desk import changes
from orchestration.errors import OrchestrationError, StateError
from orchestration.state import RunStatus

if TYPE_CHECKING:
    from orchestration.remote import Remote

CHANGED_AT_ONCE = 50  # so that the answer does not take long
Json = dict[str, Any]
Told = tuple[list[Json], list[OrchestrationError]]


def change_all(remote: "Remote", verb: str, ids: Sequence[str], reason: str) -> changes.Outcome:
    """Change each run there: those that are changed, and why others are not.

    What would be refused of all that come after it, too, ends it.
    """
    wish = {"change": verb, "reason": reason}
    told, refused = ask(remote, "workflows", wish, parts(ids))
    return [changes.Changed(e["id"], RunStatus(e["status"])) for e in told], refused


def settle_all(remote: "Remote", verb: str, ids: Sequence[int]) -> Told:
    """Replay or discard messages there, newest first in `ids`: what became of each, and refusals.

    Those that are replayed are so from the oldest on. What would be refused of all that come after
    it, too, ends it.
    """
    some = list(parts(ids))
    return ask(remote, "dead-letters", {"change": verb}, some[::-1] if verb == "replay" else some)


def ask(
    remote: "Remote", noun: str, wish: Mapping[str, Any], some: Iterable[Sequence[Any]]
) -> Told:
    """Ask for a change of some ids after the other: what was done, and what was refused."""
    key = noun.rpartition("-")[2]  # under which the answer tells them
    done, refused = list[Json](), list[OrchestrationError]()
    for ids in some:
        try:
            told = remote.post(f"/bulk/{noun}", {**wish, "ids": ids, "preview": False})
        except OrchestrationError as error:
            refused.append(error)
            if isinstance(error, changes.OF_ALL):
                break
            continue
        done += told[key]
        refused += map(StateError, told["refused"])
    return done, refused


def parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Ids, in their order, as many at a time as one request may have."""
    return (ids[at : at + CHANGED_AT_ONCE] for at in range(0, len(ids), CHANGED_AT_ONCE))
