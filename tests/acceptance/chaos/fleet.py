"""The Procfile's processes at one workplace, kept running, and which of them are there."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from orchestration.store.connect import open_store
from tests.acceptance import victims
from tests.acceptance.cluster import Cluster, cluster
from tests.acceptance.disk import small_disk
from tests.acceptance.node import CONSUMER_TIMEOUT, Node, free_port, node_in
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import MODULE
from tests.acceptance.supervisor import Supervisor
from tests.acceptance.victims import Place
from tests.acceptance.witness import VARIABLE, Witness

CONTAINERS = {"workers 1": 2, "workers 2": 2, "workers 3": 2, "workers 4": 1}
CLOCKS = ("clock 1", "clock 2")
WEB = "web"
THREADS = 6
ENOUGH = 4
DISK_MB = {"sqlite": 512, "postgresql": 1_024}


@dataclass
class Fleet:
    """Containers of workers, two schedulers and a web server.

    Attributes:
        disk: The file system that is filled; None: none could be made.
        still: Workers that were stopped.
        spared: Containers that no fault may harm.
    """

    workplace: Workplace
    store_url: str
    node: Node
    cluster: Cluster | None
    processes: Processes
    witness: Witness
    disk: Path | None
    still: set[int] = field(default_factory=set)
    spared: frozenset[str] = frozenset()

    @property
    def web(self) -> str:
        """The address of its web server."""
        return f"http://127.0.0.1:{self.workplace.more['PORT']}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run all its processes until the block ends; a process that ends is started again."""
        home = None if self.cluster else self.workplace.home
        self.place = Place(open_store(self.store_url).store, home, self.cluster)
        starters: dict[str, Callable[[], Process]] = {
            name: self._container(count) for name, count in CONTAINERS.items()
        }
        starters |= dict.fromkeys(CLOCKS, lambda: self.processes.scheduler(self.workplace))
        starters[WEB] = lambda: self.processes.orchestrate(self.workplace, "web")
        self.supervisor = Supervisor(starters)
        try:
            yield
        finally:
            self.supervisor.stop()
            self.processes.close()
            self.place.store.close()

    def _container(self, count: int) -> Callable[[], Process]:
        words = (MODULE, "-p", str(count), "-t", str(THREADS))
        return lambda: self.processes.workers(self.workplace, *words)

    @property
    def is_ready(self) -> bool:
        return len(self.workers()) >= sum(CONTAINERS.values())

    def workers(self) -> dict[int, str]:
        """The container of each worker that should be at work, by process id."""
        listed = victims.workers_of(self.place.store) - self.still
        forks = {pid: name for name in CONTAINERS for pid in self.forks_of(name)}
        return {pid: forks[pid] for pid in sorted(listed & forks.keys())}

    def forks_of(self, container: str) -> list[int]:
        """The worker processes of a container, while their master lives."""
        try:
            children = psutil.Process(self.supervisor.of(container).pid).children()
        except psutil.NoSuchProcess:
            return []
        return [child.pid for child in children]

    def process_of(self, name: str) -> psutil.Process:
        return psutil.Process(self.supervisor.of(name).pid)

    def has_disk(self) -> bool:
        return self.disk is not None and os.path.ismount(self.disk)


@contextmanager
def fleet_in(
    directory: Path, store: str, processes: Processes, witness: Witness, more: Mapping[str, str]
) -> Iterator[Fleet]:
    """A fleet that may be started, with servers and a disk of its own, gone with the block."""
    home = directory / "home"
    with ExitStack() as stack:
        node = stack.enter_context(node_in(directory / "node", CONSUMER_TIMEOUT))
        port = str(free_port())
        settings = {VARIABLE: str(witness.path), "PORT": port, "ORCHESTRATION_HOST": "127.0.0.1"}
        url, disk = f"sqlite:///{home / 'orchestration.db'}", home
        server: Cluster | None = None
        if store == "postgresql":
            settings["RABBITMQ_QUEUE_TYPE"] = "quorum"
            server = stack.enter_context(cluster(DISK_MB[store]))
            url, disk = server.url("postgres"), server.directory
            settings["DATABASE_URL"] = url
        else:
            stack.enter_context(small_disk(home, DISK_MB[store]))
        workplace = Workplace(home, node.url, MODULE, settings | dict(more), measured=False)
        open_store(url).store.close()
        node.wait()
        yield Fleet(workplace, url, node, server, processes, witness, disk)
