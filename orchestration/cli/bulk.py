"""Changes of many: of runs and dead letters behind a server in one request, others in turn."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from orchestration.desk import changes
from orchestration.desk.changes import Outcome
from orchestration.errors import OrchestrationError, StateError
from orchestration.state import RunStatus

if TYPE_CHECKING:
    from orchestration.remote import Remote

CHANGED_AT_ONCE = 50  # few enough for a quick answer
Json = dict[str, Any]
T = TypeVar("T")


def change_all(
    remote: "Remote", verb: str, ids: Sequence[str], reason: str
) -> Outcome[changes.Changed]:
    """Change each run behind the server; return the changed ones, and the errors of the others.

    An error that every later run would meet, too, ends the loop.
    """
    wish = {"change": verb, "reason": reason}
    told, refused = ask(remote, "workflows", wish, parts(ids))
    return [changes.Changed(e["id"], RunStatus(e["status"])) for e in told], refused


def handle_all(remote: "Remote", verb: str, ids: Sequence[int]) -> Outcome[Json]:
    """Replay or discard dead letters behind the server; return the outcomes and the refusals.

    `ids` are newest first; letters are replayed in parts, the oldest part first. An error that
    every later letter would meet, too, ends the loop.
    """
    some = list(parts(ids))
    return ask(remote, "dead-letters", {"change": verb}, some[::-1] if verb == "replay" else some)


def ask(
    remote: "Remote", noun: str, wish: Mapping[str, Any], some: Iterable[Sequence[Any]]
) -> Outcome[Json]:
    """Ask for a change of each part of the ids in turn; return the outcomes and the refusals."""
    key = noun.rpartition("-")[2]  # the answer has the outcomes under it
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


def one_by_one(some: Iterable[T], make: Callable[[T], Json]) -> Outcome[Json]:
    """Make a change of each in turn; return the outcomes and the refusals.

    An error that every later one would meet, too, ends the loop.
    """
    done, refused = list[Json](), list[OrchestrationError]()
    for each in some:
        try:
            done.append(make(each))
        except OrchestrationError as error:
            refused.append(error)
            if isinstance(error, changes.OF_ALL):
                break
    return done, refused


def parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """The ids in their order, in parts that one request may have."""
    return (ids[at : at + CHANGED_AT_ONCE] for at in range(0, len(ids), CHANGED_AT_ONCE))
