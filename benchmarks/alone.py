"""One thread that submits, claims and completes runs: what engine and store alone cost."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.clock import jitter, run_hex
from orchestration.definitions import App
from orchestration.engine import Claim, Engine, Rules
from orchestration.engine.submit import prepare
from orchestration.ports import Dispatch
from orchestration.store import control
from orchestration.store.connect import open_store
from orchestration.store.workers import NewWorker

SLOTS = 20_000
MEMORY = Path("/dev/shm")  # noqa: S108 - the disk's own time is measured elsewhere


class Kept:
    """A transport that keeps its messages in memory."""

    flows = True

    def __init__(self) -> None:
        self.messages: list[Dispatch] = []

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Keep the messages."""
        self.messages.extend(messages)


class Alone:
    """An engine over a store of its own, and a worker that has no threads."""

    def __init__(self, app: App, engine: Engine, kept: Kept) -> None:
        self._app = app
        self._kept = kept
        self.engine = engine

    def begin(self, name: str, parameters: dict[str, Any] | None = None) -> str:
        """Start one run, and return its id."""
        given = parameters or {}
        return self.engine.submit(prepare(self._app, name, given, sender="b", run_hex=run_hex()))

    def lose_messages(self) -> None:
        """Forget the sent messages, so that their branches wait as if for a thread."""
        self._kept.messages.clear()

    def finish(self, value: Callable[[Claim], Any] = lambda _: 1) -> int:
        """Complete every step that was sent, and all that follow; return their number."""
        done = 0
        while self._kept.messages:
            claim = self.engine.claim(self._kept.messages.pop())
            while claim is not None:
                follows: list[Claim | None] = [None]
                made = value(claim)
                self.engine.complete(claim.key, claim.attempt, made, take_on=follows.append)
                claim, done = follows[-1], done + 1
        return done


@contextmanager
def alone(app: App) -> Iterator[Alone]:
    """An engine over a new SQLite store, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as home:
        store = open_store(f"sqlite:///{Path(home) / 'orchestration.db'}").store
        offers = [agent.offer(action) for agent in app.agents for action in agent.actions]
        rules = Rules(me="worker", offers=frozenset(offers), slots=SLOTS, jitter=jitter)
        kept = Kept()
        engine = Engine(store, kept, rules)
        try:
            store.write(lambda session: control.ensure(session, "bench"))
            worker = NewWorker(
                id="worker",
                host="here",
                pid=1,
                release="bench",
                offers=offers,
                transport="memory",
                slots={agent.name: SLOTS for agent in app.agents},
            )
            engine.join(worker, app)
            yield Alone(app, engine, kept)
        finally:
            store.close()
