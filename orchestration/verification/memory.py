"""A stage without a broker: messages go straight to their recipients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from orchestration.bus import topology
from orchestration.bus.publisher import Letter
from orchestration.clock import new_id
from orchestration.engine import intake
from orchestration.engine.transaction import Transaction
from orchestration.messages import Envelope, MessageType, compose, parse
from orchestration.runtime.door import Delivery, Door, Operation
from orchestration.runtime.notifier import Notifier
from orchestration.verification.stage import AGENT, REQUESTER, Backstage, Ear

HERE = "orchestration_agent"
KEY = "data.orchestration"
Confirm = Callable[[Sequence[Any]], None]


@dataclass(slots=True)
class Post:
    """The messages to agents, where there is no broker."""

    confirm: Confirm
    letters: list[Letter] = field(default_factory=list)

    def publish(self, letters: Sequence[Letter]) -> None:
        """Keep letters until they are delivered."""
        self.letters.extend(letters)
        self.confirm([each.tag for each in letters])

    def look(self, _queue: str, tell: Callable[[int], None]) -> bool:
        """Nothing waits anywhere."""
        tell(0)
        return True

    def close(self) -> None:
        """Nothing is under way."""


class MemoryStage:
    """An engine, a notifier, an agent and a requester, all in one thread.

    Args:
        behind: The orchestrator behind the stage.
    """

    def __init__(self, behind: Backstage) -> None:
        self.behind = behind
        self.ear = Ear()
        self._door = Door(behind.app, behind.settings)
        self._posts: list[Post] = []
        self._notifier = Notifier(behind.engine, behind.locks, self._make_post)

    async def say(
        self, sender: str, kind: MessageType, payloads: Sequence[Mapping[str, Any]]
    ) -> list[str]:
        """Send messages to the orchestrator, and return their ids."""
        ids = [new_id() for _ in payloads]
        said = zip(ids, payloads, strict=True)
        self._take([self._text(id_, kind, payload, sender) for id_, payload in said])
        self._pass_on()
        return ids

    async def throw(self, body: bytes) -> None:
        """Send the orchestrator a body that may be no message at all."""
        self._take([body])
        self._pass_on()

    def _pass_on(self) -> None:
        while letters := self._letters():
            for letter in letters:
                self._deliver(parse(letter.body))

    async def cut(self) -> bool:
        """There is no connection to cut."""
        return False

    def _make_post(self, confirm: Confirm, _refused: object) -> Post:
        self._posts.append(Post(confirm))
        return self._posts[-1]

    def _letters(self) -> list[Letter]:
        self._notifier.tick()
        post = self._posts[-1]
        found, post.letters = post.letters, []
        return found

    def _deliver(self, envelope: Envelope) -> None:
        if envelope.recipient == REQUESTER:
            self.ear.heard.append(envelope)
        elif envelope.recipient == AGENT and envelope.payload.get("command") == "work":
            answer = {"status": "completed", "result": {}, "command_id": envelope.id}
            self._take([self._text(new_id(), MessageType.RESPONSE, answer, AGENT)])

    def _text(self, id_: str, kind: MessageType, payload: Mapping[str, Any], sender: str) -> bytes:
        at = self.behind.engine.clock.now()
        return compose(id_, kind, HERE, payload, at=at, sender=sender).encode()

    def _take(self, bodies: Sequence[bytes]) -> None:
        """Take messages in, as the ingress does."""
        for problem in self.behind.engine.commit_many(list(map(self._meaning, bodies))):
            if problem is not None:
                raise problem

    def _meaning(self, body: bytes) -> Operation:
        meaning = self._door.read(Delivery(topology.QUEUE, 0, KEY, body))
        if isinstance(meaning, Envelope):
            return partial(intake.beat, envelope=meaning)
        return meaning or nothing


def nothing(_tx: Transaction) -> None:
    """Do nothing: the message is for another recipient."""
