"""What an agent has been asked and has answered, so that nothing is done twice."""

import json
from collections import OrderedDict
from typing import Any

MOST = 1_000
LARGEST = 16 * 2**20

Key = tuple[str, str]
Answer = dict[str, Any]


class Memory:
    """Remembers the last commands by who asked and under which id, bounded in number and bytes.

    Args:
        most: How many answers are kept.
        largest: How many bytes they may have together.
    """

    def __init__(self, most: int = MOST, largest: int = LARGEST) -> None:
        self._most = most
        self._largest = largest
        self._open: set[Key] = set()
        self._answers: OrderedDict[Key, str] = OrderedDict()
        self._size = 0

    def is_open(self, key: Key) -> bool:
        """Whether a command is being worked on."""
        return key in self._open

    def begin(self, key: Key) -> None:
        """Note that a command is being worked on."""
        self._open.add(key)

    def end(self, key: Key, answer: Answer) -> None:
        """Keep an answer; where room is wanted, the oldest are forgotten."""
        self._open.discard(key)
        text = json.dumps(answer)
        self._answers[key] = text
        self._size += len(text)
        while len(self._answers) > self._most or self._size > self._largest:
            _, oldest = self._answers.popitem(last=False)
            self._size -= len(oldest)

    def answer(self, key: Key) -> Answer | None:
        """How a command was answered; None: it was not, or that is forgotten."""
        text = self._answers.get(key)
        return None if text is None else dict(json.loads(text))
