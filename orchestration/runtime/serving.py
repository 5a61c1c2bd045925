"""`serve`: the whole fleet in one process, its clock included."""

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq

from orchestration.definitions import App
from orchestration.runtime.embedded import embedded
from orchestration.runtime.host import Host
from orchestration.runtime.ticker import ticking
from orchestration.runtime.watch import Watch
from orchestration.settings import Settings


@contextmanager
def serving(app: App, settings: Settings) -> Iterator[Host]:
    """Work for every run of a store, whoever starts it, until the block ends.

    Raises:
        StoreError: The store cannot be used.
    """
    with (
        embedded(app, settings) as host,
        ticking(dramatiq.get_broker(), settings),
        Watch(host.running.engine),
    ):
        yield host
