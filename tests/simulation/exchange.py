"""A RabbitMQ in memory, as the orchestrator sees it; its queued messages outlive processes.

It delivers at least once, keeps what it has confirmed, and can be told to lose what a real one may
lose: messages of the limited queue, and connections with everything unconfirmed on them.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from orchestration import failpoints
from orchestration.bus import topology
from orchestration.bus.publisher import Letter, Refusal
from orchestration.failpoints import Failpoint

if TYPE_CHECKING:
    from tests.simulation.process import Process

Json = dict[str, Any]


class Exchange:
    """The queues, and what their consumers have received.

    Attributes:
        queues: The messages that wait for the orchestrator: key and body.
        boxes: The messages that were delivered to each other agent, in order.
    """

    def __init__(self) -> None:
        self.queues: dict[str, list[tuple[str, bytes]]] = {
            topology.QUEUE: [],
            topology.INBOX: [],
        }
        self.boxes: dict[str, list[Json]] = defaultdict(list)

    def publish(self, key: str, body: bytes) -> None:
        """Route a message."""
        kind, _, to = key.partition(".")
        if to == "orchestration":
            self.queues[topology.QUEUE].append((key, body))
            if kind == "command":
                self.queues[topology.INBOX].append((key, body))
        else:
            self.boxes[to].append(json.loads(body))

    def commands(self) -> set[tuple[str, str]]:
        """The sender and the id of every command that waits."""
        waiting = (message for queue in self.queues.values() for message in queue)
        bodies = [json.loads(body) for key, body in waiting if key.startswith("command.")]
        return {(body["sender"], body["id"]) for body in bodies}

    def holds(self, about: str) -> bool:
        """Whether an answer to this command waits for the orchestrator."""
        said = f'"correlation_id":"{about}"'.encode()
        return any(said in body.replace(b": ", b":") for _, body in self.queues[topology.QUEUE])

    @property
    def is_empty(self) -> bool:
        """Whether no message waits for the orchestrator."""
        return not any(self.queues.values())


class Post:
    """The publisher of one process: letters are under way until chance confirms them."""

    def __init__(self, exchange: Exchange, process: "Process") -> None:
        self._exchange = exchange
        self._process = process
        self.under_way: list[Letter] = []

    def made(
        self,
        confirmed: Callable[[Sequence[Any]], None],
        refused: Callable[[Sequence[Refusal]], None],
    ) -> "Post":
        """This publisher, for a notifier that wants to be told of confirms and refusals."""
        self._confirmed, self._refused = confirmed, refused
        return self

    def publish(self, letters: Sequence[Letter]) -> None:
        writes = self._process.store.is_writing
        self._process.world.insist(not writes, "no publish before its commit")
        for letter in letters:
            self._process.world.check_command(letter.tag.topic)
            failpoints.reach(Failpoint.PUBLISHING)
            self.under_way.append(letter)
            failpoints.reach(Failpoint.PUBLISHED)

    def look(self, _queue: str, tell: Callable[[int], None]) -> bool:
        tell(0)
        return True

    def close(self) -> None: ...

    def confirm(self, count: int) -> None:
        """Let the exchange take the oldest letters, and confirm them."""
        taken, self.under_way = self.under_way[:count], self.under_way[count:]
        for letter in taken:
            self._exchange.publish(letter.routing_key, letter.body)
        failpoints.reach(Failpoint.CONFIRMED)
        self._confirmed([letter.tag for letter in taken])

    def refuse(self) -> None:
        """Let the exchange refuse the oldest letter, for now."""
        letter = self.under_way.pop(0)
        self._refused([Refusal(letter, "the queue is full")])

    def lose(self, taken: int) -> None:
        """Let the connection break after so many letters arrived; the sender is told nothing."""
        for letter in self.under_way[:taken]:
            self._exchange.publish(letter.routing_key, letter.body)
        self.under_way.clear()


class Line:
    """A connection of an ingress, with its only channel: it delivers once, then it breaks."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._receivers: dict[str, Callable[..., None]] = {}
        self.is_open = True

    def open(self) -> None:
        """Reset to a new connection."""
        self._receivers, self._delivered, self._turns = {}, list[tuple[str, tuple[str, bytes]]](), 0

    def channel(self) -> "Line":
        return self

    def close(self) -> None:
        """Requeue unacknowledged messages at their old places."""
        for queue, message in reversed(self._delivered):
            self._exchange.queues[queue].insert(0, message)
        self._delivered = []

    def basic_consume(self, queue: str, receiver: Callable[..., None]) -> None:
        self._receivers[queue] = receiver

    def process_data_events(self, **_how: Any) -> None:
        self._turns += 1
        if self._turns > 1:
            raise EOFError
        for queue, receive in self._receivers.items():
            for message in self._exchange.queues.get(queue, [])[:]:
                self._exchange.queues[queue].remove(message)
                self._delivered.append((queue, message))
                receive(self, Method(message[0], len(self._delivered)), Properties(), message[1])

    def basic_ack(self, tag: int, *, multiple: bool) -> None:
        assert multiple
        assert tag <= len(self._delivered)
        self._delivered.clear()

    def basic_qos(self, **_how: Any) -> None: ...

    def exchange_declare(self, *_what: Any, **_how: Any) -> None: ...

    def queue_declare(self, *_what: Any, **_how: Any) -> None: ...

    def queue_bind(self, *_what: Any, **_how: Any) -> None: ...


class Method:
    """How a message was delivered."""

    def __init__(self, routing_key: str, tag: int) -> None:
        self.routing_key, self.delivery_tag = routing_key, tag


class Properties:
    """What RabbitMQ says of a message."""

    user_id = None
    headers: Json = {}  # noqa: RUF012 - nobody writes it
