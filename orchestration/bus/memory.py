"""The commands that an agent was given and has answered, so that none is done twice."""

import hashlib
import json
from collections import OrderedDict
from typing import Any, NamedTuple

from orchestration.bus.command import Command

MOST = 1_000
LARGEST = 16 * 2**20

Key = tuple[str, str]
Answer = dict[str, Any]


class _Answered(NamedTuple):
    body: str
    text: str


class Memory:
    """Remembers the last commands by sender and id, bounded in number and bytes.

    Args:
        most: How many answers are kept.
        largest: How many bytes they may have together.
    """

    def __init__(self, most: int = MOST, largest: int = LARGEST) -> None:
        self._most = most
        self._largest = largest
        self._open: dict[Key, str] = {}
        self._answers: OrderedDict[Key, _Answered] = OrderedDict()
        self._size = 0

    def is_open(self, key: Key) -> bool:
        """Whether a command is at work."""
        return key in self._open

    def differs(self, key: Key, body: str) -> bool:
        """Whether the same id was used for something else.

        Args:
            key: The sender and the id.
            body: The digest of the command, of `body_of`.
        """
        answered = self._answers.get(key)
        known = answered.body if answered is not None else self._open.get(key)
        return known is not None and known != body

    def begin(self, key: Key, body: str) -> None:
        """Note that a command is at work."""
        self._open[key] = body

    def end(self, key: Key, body: str, answer: Answer) -> None:
        """Keep an answer; the oldest are forgotten to make room."""
        text = json.dumps(answer)
        self._open.pop(key, None)
        if (before := self._answers.pop(key, None)) is not None:
            self._size -= len(before.text)
        self._answers[key] = _Answered(body, text)
        self._size += len(text)
        while len(self._answers) > self._most or self._size > self._largest:
            _, oldest = self._answers.popitem(last=False)
            self._size -= len(oldest.text)

    def answer(self, key: Key) -> Answer | None:
        """The answer to a command; None: there was none, or it is forgotten."""
        answered = self._answers.get(key)
        return None if answered is None else dict(json.loads(answered.text))


def digest(*asked: Any) -> str:
    """A hash that tells one body from another."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def body_of(command: Command) -> str:
    """The digest of what a command asks for, whatever its sender and deadline."""
    asked = command.name, command.parameters, command.item, command.workflow_id, command.step
    return digest(*asked, command.idempotency_key)


def writable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer, or a failure in its place if it is not JSON."""
    try:
        json.dumps(answer)
    except (TypeError, ValueError, RecursionError) as error:
        return {"status": "failed", "error": f"the result cannot be sent: {error}"}
    return answer


def used_before(command: Command) -> dict[str, Any]:
    """The answer to a command whose sender has used its id for something else."""
    error = f"the id {command.id!r} came before with another body: a new command has a new id"
    return {"status": "failed", "error": error}
