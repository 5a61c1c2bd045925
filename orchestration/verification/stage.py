"""The stage of the scenarios: an orchestrator of their own, an agent, and a requester."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from orchestration.clock import new_id
from orchestration.definitions import Agent, App, Workflow
from orchestration.engine import Engine
from orchestration.errors import CheckFailedError
from orchestration.messages import Envelope, MessageType
from orchestration.plans import Retry, Step
from orchestration.ports import Locks, Session
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.settings import Settings
from orchestration.store.connect import open_store

T = TypeVar("T")

NEWCOMER = "verify_newcomer"
REQUESTER, AGENT = "verify_requester", "verify_agent"
WORK, STALL = "verify_work", "verify_stall"
STEPS = ("verifying_first", "verifying_second")
PATIENCE_S = 20.0
LOOK_EVERY_S = 0.01
ONCE = Retry(attempts=1)


def never(_context: object) -> None:
    """Never called: the agent is outside."""


def make_app() -> App:
    """Two workflows over an agent of their own: one that completes, and one that stalls."""
    limit = timedelta(seconds=PATIENCE_S)

    def step(name: str, action: str, needs: Sequence[str] = ()) -> Step:
        return Step(name, AGENT, action, needs=needs, retry=ONCE, timeout=limit)

    return App(
        agents=[Agent(AGENT, actions={"work": never, "stall": never})],
        workflows=[
            Workflow(WORK, steps=[step(STEPS[0], "work"), step(STEPS[1], "work", STEPS[:1])]),
            Workflow(STALL, steps=[step("stalling", "stall")]),
        ],
    )


@dataclass(frozen=True, slots=True)
class Backstage:
    """The orchestrator behind a stage, over a store of its own."""

    app: App
    engine: Engine
    locks: Locks
    settings: Settings

    def read(self, look: Callable[[Session], T]) -> T:
        """Read the orchestrator's store."""
        return self.engine.store.read(look)


@contextmanager
def backstage(settings: Settings) -> Iterator[Backstage]:
    """An orchestrator with a store of its own, which is gone when the block has ended."""
    own = settings.model_copy(
        update={
            "outside_agents": (AGENT,),
            "require_user_id": False,
            "max_concurrent_workflows": 5,
        }
    )
    with TemporaryDirectory(prefix="orchestrate-verify-") as directory:
        opened = open_store(f"sqlite:///{Path(directory) / 'verify.db'}")
        try:
            engine = Engine(opened.store, NoRelay(), rules_of(own, new_id()))
            yield Backstage(make_app(), engine, opened.locks, own)
        finally:
            opened.store.close()


@dataclass(slots=True)
class Ear:
    """What the requester has heard so far."""

    heard: list[Envelope] = field(default_factory=list)

    def about(self, message_id: str, kind: MessageType) -> list[Envelope]:
        """The messages of a type that answer one of the requester's."""
        return [
            each
            for each in self.heard
            if each.correlation_id == message_id and each.message_type is kind
        ]


class Stage(Protocol):
    """What a scenario can do.

    Attributes:
        ear: What the requester has heard.
        behind: The orchestrator behind the stage.
    """

    ear: Ear
    behind: Backstage

    async def say(
        self, sender: str, kind: MessageType, payloads: Sequence[Mapping[str, Any]]
    ) -> list[str]:
        """Send messages to the orchestrator, and return their ids."""
        ...

    async def cut(self) -> bool:
        """Cut every connection with the broker; False if there is no broker."""
        ...

    async def throw(self, body: bytes) -> None:
        """Send the orchestrator a body that may be no message at all."""
        ...


async def until(condition: Callable[[], T], what: str, within: float = PATIENCE_S) -> T:
    """The first true value of a condition.

    Raises:
        CheckFailedError: There was none in time.
    """
    end = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > end:
            raise CheckFailedError(f"{what}: not within {within:g} s")
        await asyncio.sleep(LOOK_EVERY_S)
    return value


def check(value: object, what: str) -> None:
    """Check that a value is true.

    Raises:
        CheckFailedError: It is not.
    """
    if not value:
        raise CheckFailedError(what)
