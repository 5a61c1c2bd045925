"""What an agent has been asked and has answered, so that nothing is done twice."""

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
    """Remembers the last commands by who asked and under which id, bounded in number and bytes.

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
        """Whether a command is being worked on."""
        return key in self._open

    def differs(self, key: Key, body: str) -> bool:
        """Whether the same id was used for something else.

        Args:
            key: Who asks, and under which id.
            body: What is asked, as `body_of` has it.
        """
        answered = self._answers.get(key)
        known = answered.body if answered is not None else self._open.get(key)
        return known is not None and known != body

    def begin(self, key: Key, body: str) -> None:
        """Note that a command is being worked on."""
        self._open[key] = body

    def end(self, key: Key, body: str, answer: Answer) -> None:
        """Keep an answer; where room is wanted, the oldest are forgotten."""
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
        """How a command was answered; None: it was not, or that is forgotten."""
        answered = self._answers.get(key)
        return None if answered is None else dict(json.loads(answered.text))


def digest(*asked: Any) -> str:
    """What tells one body from another."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def body_of(command: Command) -> str:
    """What a command asks for, whoever sends it again and until when."""
    asked = command.name, command.parameters, command.item, command.workflow_id, command.step
    return digest(*asked, command.idempotency_key)


def writable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer, or one that says so where it is no JSON."""
    try:
        json.dumps(answer)
    except (TypeError, ValueError, RecursionError) as error:
        return {"status": "failed", "error": f"the result cannot be sent: {error}"}
    return answer


def used_before(command: Command) -> dict[str, Any]:
    """The answer to a command whose sender has used its id for something else."""
    error = f"the id {command.id!r} came before with another body: a new command has a new id"
    return {"status": "failed", "error": error}
