"""What a verb works on: the settings, the app, the store, and an engine that only writes."""

import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestration import hosting, settings
from orchestration.clock import SystemClock, jitter, new_id
from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.control import By
from orchestration.engine.transaction import Rules
from orchestration.ports import Dispatch
from orchestration.settings import Settings
from orchestration.store.connect import Opened, open_store


class Silent:
    """A transport for processes that have none: what they write, the workers send."""

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Leave it to the workers."""


@contextmanager
def opened_store(*, create: bool = False) -> Iterator[Opened]:
    """The store of the settings, until the block ends.

    Raises:
        StoreError: It cannot be opened; or there is none, and `create` is false.
    """
    opened = open_store(settings.load().store_url, create=create)
    try:
        yield opened
    finally:
        opened.store.close()


@contextmanager
def opened_engine() -> Iterator[Engine]:
    """An engine over the store of the settings; workers send what it wrote.

    Raises:
        StoreError: There is no store, or it cannot be opened.
    """
    with opened_store() as opened:
        yield Engine(opened.store, Silent(), SystemClock(), writing_rules(settings.load()))


def writing_rules(found: Settings) -> Rules:
    """What an engine goes by that does no work of its own."""
    return Rules(
        me=f"cli-{new_id()}",
        slots=found.max_concurrent_workflows,
        workflow_timeout=found.workflow_timeout,
        most_pending=found.max_pending_per_sender,
        sends=False,
        jitter=jitter,
    )


def load_app(found: Settings) -> App:
    """The fleet of the settings; its module may lie in the current directory.

    Raises:
        ConfigurationError: There is no such module, or it has no app.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return hosting.load_app(found.app)


def by(reason: str = "") -> By:
    """Who sits at this terminal."""
    try:
        return By(getpass.getuser(), reason)
    except (KeyError, OSError):
        return By("cli", reason)
