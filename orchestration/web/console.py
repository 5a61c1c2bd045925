"""What every request works on: the settings, the fleet, the store and an engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from orchestration.bus.address import Address, address_in
from orchestration.definitions import App
from orchestration.desk.opening import opened_desk
from orchestration.engine import Engine
from orchestration.ports import Clock, Session
from orchestration.runtime.host import Host
from orchestration.settings import Settings
from orchestration.store.connect import Opened
from orchestration.web.limits import Limits

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What every request works on.

    Attributes:
        app: The fleet: what can be started.
        opened: The store and its locks.
        engine: Makes every change.
    """

    settings: Settings
    app: App
    opened: Opened
    engine: Engine
    limits: Limits = field(default_factory=Limits)

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.engine.clock

    @property
    def address(self) -> Address | None:
        """The address of RabbitMQ; None: everything is embedded."""
        return address_in(self.settings)

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run an operation on one consistent snapshot of the store."""
        return self.opened.store.read(operation)


def console_of(host: Host, app: App, settings: Settings) -> Console:
    """The console of a process that runs steps, too."""
    running = host.running
    opened = running.opened._replace(store=running.store.aside)  # its worker must beat meanwhile
    return Console(settings=settings, app=app, opened=opened, engine=running.engine)


@contextmanager
def opened_console(app: App, settings: Settings) -> Iterator[Console]:
    """A console in a process that runs no steps, until the block ends.

    Raises:
        StoreError: The store cannot be used.
    """
    with opened_desk(app, settings, "web") as (opened, engine):
        yield Console(settings=settings, app=app, opened=opened, engine=engine)
