"""`serve`: the whole fleet in one process, its clock included."""

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq

from orchestration.bus.address import Address
from orchestration.definitions import App
from orchestration.runtime import heaps
from orchestration.runtime.acknowledgement import CurrentMessage
from orchestration.runtime.broker import rabbitmq_broker
from orchestration.runtime.embedded import embedded, hosted
from orchestration.runtime.host import Host
from orchestration.runtime.reach import prepare_broker
from orchestration.runtime.running import Setup
from orchestration.runtime.ticker import ticking
from orchestration.runtime.watch import Watch
from orchestration.settings import Settings


@contextmanager
def serving(app: App, settings: Settings) -> Iterator[Host]:
    """Work for every run of a store, also of other processes, until the block ends.

    Raises:
        StoreError: The store cannot be used.
    """
    heaps.keep_few()
    with (
        embedded(app, settings) as host,
        ticking(dramatiq.get_broker(), settings),
        Watch(host.running.engine),
    ):
        yield host


@contextmanager
def serving_on(address: Address, app: App, settings: Settings) -> Iterator[Host]:
    """Work for every run of a store over RabbitMQ, beside any number of other processes.

    Raises:
        BrokerError: RabbitMQ is away, or refuses us.
        StoreError: The store cannot be used.
    """
    heaps.keep_few()
    prepare_broker(address)
    broker = rabbitmq_broker(address, [CurrentMessage()], settings.rabbitmq_queue_type)
    with (
        hosted(Setup(app, settings, broker, server=address)) as host,
        ticking(broker, settings),
        Watch(host.running.engine),
    ):
        yield host
