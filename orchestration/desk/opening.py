"""A store and an engine for a process that runs no steps: workers act on what it writes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from orchestration import traces
from orchestration.bus.address import address_in
from orchestration.clock import new_id
from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.runtime.relay import Relay
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.settings import Settings
from orchestration.store.connect import Opened, open_store


class OpenedDesk(NamedTuple):
    """A store with an engine over it."""

    opened: Opened
    engine: Engine


@contextmanager
def opened_desk(
    app: App, settings: Settings, name: str, url: str | None = None
) -> Iterator[OpenedDesk]:
    """A store and an engine that sends the messages of its commits, where there is a broker.

    Args:
        app: The fleet.
        settings: The addresses of the store and the broker.
        name: The kind of this process: `client`, `web`.
        url: The store's address; None: as the settings say.

    Raises:
        StoreError: The store cannot be used.
        ConfigurationError: Traces are asked for, but OpenTelemetry is not installed.
    """
    traces.begin(settings)
    opened = open_store(url or settings.store_url)
    server = address_in(settings)
    relay = (
        NoRelay() if server is None else Relay(partial(server.parameters, f"orchestration {name}"))
    )
    rules = rules_of(settings, f"{name}-{new_id()}", sends=server is not None, app=app)
    try:
        yield OpenedDesk(opened, Engine(opened.store, relay, rules))
    finally:
        if not sys.is_finalizing():  # never closed: no thread can start at interpreter exit
            relay.close()
            opened.store.close()
            traces.tracer().flush()
