"""Kinds of errors as a server tells them: each with its word and its status, and the way back."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestration.errors import (
    BrokerError,
    ConfigurationError,
    DuplicateCommandError,
    InDoubtError,
    NotFoundError,
    OrchestrationError,
    OverloadedError,
    OwnRunError,
    RejectedError,
    StateError,
    StoppedError,
    StoreError,
)


class Kind(NamedTuple):
    """One kind of error: what it is called over HTTP, and the status of the answer."""

    word: str
    status: int
    error: type[OrchestrationError]


KINDS = (  # an error is of the first kind that fits
    Kind("overloaded", 429, OverloadedError),
    Kind("stopped", 409, StoppedError),
    Kind("duplicate_command", 409, DuplicateCommandError),
    Kind("rejected", 422, RejectedError),
    Kind("not_found", 404, NotFoundError),
    Kind("state", 409, StateError),
    Kind("own_run", 403, OwnRunError),
    Kind("configuration", 409, ConfigurationError),
    Kind("in_doubt", 503, InDoubtError),
    Kind("store", 503, StoreError),
    Kind("broker", 503, BrokerError),
)
ERRORS = {kind.word: kind.error for kind in KINDS}


def kind_of(error: OrchestrationError) -> Kind | None:
    """The kind of an error; None: no client can do anything about it."""
    return next((kind for kind in KINDS if isinstance(error, kind.error)), None)


def members(error: OrchestrationError) -> dict[str, Any]:
    """What a problem has of an error beside its text, so that `error_of` can make it again."""
    kind = kind_of(error)
    found: dict[str, Any] = {"kind": kind.word} if kind else {}
    if isinstance(error, OverloadedError):
        found |= {each: getattr(error, each) for each in ("sender", "pending", "retry_after")}
    return found


def error_of(problem: Mapping[str, Any], detail: str) -> OrchestrationError | None:
    """The error that a problem stands for; None: its kind is missing or unknown."""
    match problem:
        case {"kind": "overloaded", "sender": sender, "pending": pending, "retry_after": after}:
            return OverloadedError(str(sender), int(pending), float(after))
        case {"kind": str(word)} if word in ERRORS and word != "overloaded":
            kind = ERRORS[word]
            if issubclass(kind, RejectedError):
                return kind(detail, problem.get("problems", ()))
            return kind(detail)
    return None
