"""The parts that serve the actors of one running process: store, engine, frame, keeper, bus."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import dramatiq
import pika

from orchestration import traces
from orchestration.bus.address import Address, address_in
from orchestration.bus.publisher import Publisher
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.clock import new_id
from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.transaction import Rules
from orchestration.errors import OrchestrationError, StoreError
from orchestration.messages import EXCHANGE
from orchestration.ports import Locks
from orchestration.runtime.access import FleetAccess
from orchestration.runtime.alerter import Alerter, Nowhere, Targets
from orchestration.runtime.backlog import Backlog
from orchestration.runtime.broker import HardRabbitmqBroker
from orchestration.runtime.frame import Frame
from orchestration.runtime.ingress import URGENT, Ingress
from orchestration.runtime.keeper import Keeper
from orchestration.runtime.messages import StubRelay
from orchestration.runtime.monitor import Monitor
from orchestration.runtime.neighbours import require_one_machine
from orchestration.runtime.notifier import Notifier
from orchestration.runtime.reach import require_claim
from orchestration.runtime.relay import Relay
from orchestration.runtime.sampler import Sampler
from orchestration.runtime.schedule import Timetable
from orchestration.runtime.sweeper import Sweeper
from orchestration.runtime.writing import rules_of
from orchestration.settings import Settings
from orchestration.store import control
from orchestration.store.connect import Opened, open_store
from orchestration.store.presence import FileLocks
from orchestration.store.workers import NewWorker

log = logging.getLogger(__name__)

FORGETTING_S = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """A fleet, its settings and its broker.

    Attributes:
        scope: The only run to work for; None: all of them.
        server: Where RabbitMQ is; None: at the address in the settings, if any.
    """

    app: App
    settings: Settings
    broker: dramatiq.Broker
    scope: str | None = None
    server: Address | None = None

    @property
    def address(self) -> Address | None:
        """Where RabbitMQ is; None: everything runs in this process."""
        return self.server or address_in(self.settings)


class Running:
    """The parts of one worker process, from its start to its end.

    Args:
        setup: The fleet, its settings and its broker.
        queues: For each agent that is served here, how many steps run at once.
        watch: Asked at every beat: why this process must end, or None.

    Raises:
        StoreError: The store cannot be used.
        BrokerError: RabbitMQ is away, refuses us, or serves live processes of another store.
    """

    def __init__(
        self, setup: Setup, queues: Mapping[str, int], watch: Callable[[], str | None]
    ) -> None:
        settings = setup.settings
        traces.begin(settings)
        rules = worker_rules(setup, queues)
        self.opened = self._open(settings.store_url)
        self.store, self._locks, _ = self.opened
        self._claim = self._claim_vhost(setup)
        self._relay = make_relay(setup)
        self.engine = Engine(self.store, self._relay, rules)
        self.frame = Frame(setup.app, self.engine, FleetAccess(self.engine))
        self._proof = own_proof(settings, self._locks)
        self.sweeper = Sweeper(self.engine, self._locks, self._proof)
        self.monitor = Monitor(self.engine, settings.timeout_threshold)
        self._alerter = self._make_alerter(setup)
        self._timetable = Timetable(self.engine, setup.app)
        self._settings = settings
        self._worker = describe_worker(rules, settings.transport, queues)
        self._bus: Sequence[Ingress | Notifier] = ()
        self._locks.hold(rules.me)
        if self._proof is not None:
            self._proof.hold(rules.me)
        self.sweeper.bury()
        self.engine.join(self._worker, setup.app, self.sweeper.dead())
        self._keeper = Keeper(
            self.engine,
            self.frame,
            self.sweeper,
            self._worker,
            settings.heartbeat_interval,
            lambda: self._refusal() or self._lost_thread() or watch(),
        )
        self._keeper.start()
        self._bus = self._join_bus(setup)
        self._alerter.start()

    @property
    def end_reason(self) -> str | None:
        """Why this process has asked itself to end; None: it has not."""
        return self._keeper.reason

    def tick(self) -> None:
        """Do what the scheduler asks for: sweep, start scheduled runs, delete old rows."""
        self.sweeper.sweep()
        self._timetable.fire()
        self.forget()

    def forget(self) -> None:
        """Delete rows that are too old, batch by batch, for `FORGETTING_S` at most."""
        age, keep = self._settings.retention, self._settings.retention_runs
        clock = self.engine.clock
        end = clock.monotonic() + FORGETTING_S
        while self.engine.forget(age, keep) and clock.monotonic() < end:
            pass

    def drain(self) -> None:
        """Claim nothing new; nobody else is told while the store is away."""
        self.frame.draining = True
        with unless_away("nobody is told that this process drains"):
            self.engine.drain(self._worker.id)

    def stop(self) -> None:
        """End every part; the worker's lock is released only if it holds no attempt.

        While the store is away, the free lock alone tells others that this process has ended.
        """
        for part in self._bus:
            part.stop()
        self._keeper.stop()
        self.frame.stop()
        self._alerter.stop()
        if not self.frame.held():
            with unless_away("nobody is told that this process departs"):
                self.engine.depart(self._worker.id)
                self._locks.release(self._worker.id)
            if self._proof is not None:
                self._proof.release(self._worker.id)
            self._locks.close()
        self._relay.close()
        self.store.close()
        traces.tracer().flush()

    def _open(self, url: str) -> Opened:
        """The store, unless workers of another machine use its file."""
        opened = open_store(url)
        try:
            require_one_machine(opened.store, opened.locks, socket.gethostname())
        except StoreError:
            opened.store.close()
            raise
        return opened

    def _claim_vhost(self, setup: Setup) -> VhostClaim | None:
        """Claim the vhost for this store, and let each consuming connection claim it again."""
        address = setup.address
        if address is None:
            return None
        try:
            claim = VhostClaim(self.store.read(control.name), address.place)
            require_claim(address, claim)
        except OrchestrationError:
            self.store.close()
            raise
        if isinstance(setup.broker, HardRabbitmqBroker):
            setup.broker.claim = claim
        return claim

    def _refusal(self) -> str | None:
        return None if self._claim is None else self._claim.refusal

    def _lost_thread(self) -> str | None:
        """Why to end if a thread of the bus has died: it would stay elected, and do nothing."""
        dead = any(part.is_dead for part in self._bus)
        return "a thread of its bus has died" if dead else None

    def _make_alerter(self, setup: Setup) -> Alerter:
        """The alerter, which also looks for silent agents and backlogs, and takes samples."""
        settings, backlog = setup.settings, Backlog(self.engine, setup.address)
        sampler = Sampler(self.engine)
        targets: Targets = Nowhere()
        if urls := settings.alert_addresses:
            addresses = import_module("orchestration.runtime.addresses")  # a slow import
            targets = addresses.Addresses(urls, settings.masked)

        def look() -> None:
            self.monitor.look()
            backlog.look()
            sampler.look()

        parts = self.engine, self._locks, targets
        if setup.scope is not None:  # a lone run: its caller sees how it ends
            return Alerter(*parts, lambda: None, settings.heartbeat_interval, logging.INFO)
        return Alerter(*parts, look, settings.heartbeat_interval)

    def _join_bus(self, setup: Setup) -> Sequence[Ingress | Notifier]:
        """Start to consume from the exchange and to publish on it, if there is one."""
        address = setup.address
        if address is None or self._claim is None:
            return ()

        def connect() -> pika.BlockingConnection:
            return pika.BlockingConnection(address.parameters("orchestration ingress"))

        where = (self.engine, setup.app, self._locks, connect, self._claim, setup.settings)
        notifier_to = partial(address.parameters, "orchestration notifier")
        post = partial(Publisher, notifier_to, exchange=EXCHANGE)
        parts = (
            Ingress(*where, queues=URGENT),
            Ingress(*where),
            Notifier(self.engine, self._locks, post),
        )
        for part in parts:
            part.start()
        return parts


@contextmanager
def unless_away(without: str) -> Iterator[None]:
    """Write what a process can end without: if the store is away, say what is missing."""
    try:
        yield
    except StoreError as error:
        log.warning("%s: %s", without, error)


def own_proof(settings: Settings, locks: Locks) -> FileLocks | None:
    """File locks that prove a death on this machine at once, if the store's locks need time."""
    if not locks.proof_s:
        return None
    try:
        return FileLocks(settings.orchestration_home / "alive")
    except OSError as error:
        log.warning("deaths on this machine are seen later: %s", error)
        return None


def worker_rules(setup: Setup, queues: Mapping[str, int]) -> Rules:
    """The rules of a worker process's engine."""
    served = (agent for agent in setup.app.agents if agent.name in queues)
    offers = frozenset(agent.offer(action) for agent in served for action in agent.actions)
    return rules_of(setup.settings, new_id(), offers=offers, scope=setup.scope, app=setup.app)


def describe_worker(rules: Rules, transport: str, queues: Mapping[str, int]) -> NewWorker:
    """The registration of this process."""
    return NewWorker(
        id=rules.me,
        host=socket.gethostname(),
        pid=os.getpid(),
        release=release(),
        offers=sorted(rules.offers),
        transport=transport,
        slots=queues,
        scope=rules.scope,
    )


def make_relay(setup: Setup) -> StubRelay | Relay:
    """The way messages leave this process."""
    address = setup.address
    if address is None:
        return StubRelay(setup.broker)
    return Relay(partial(address.parameters, "orchestration relay"))


def release() -> str:
    """The version of this package that runs here."""
    try:
        return version("fleet-orchestration")
    except PackageNotFoundError:
        return "unreleased"
