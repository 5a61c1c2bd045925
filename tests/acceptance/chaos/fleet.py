"""The Procfile's processes at one workplace, kept running, and who of them is there."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from orchestration.store.connect import open_store
from tests.acceptance import victims
from tests.acceptance.cluster import Cluster
from tests.acceptance.node import Node
from tests.acceptance.processes import Process, Processes, Workplace
from tests.acceptance.promises import MODULE
from tests.acceptance.supervisor import Supervisor
from tests.acceptance.victims import Place
from tests.acceptance.witness import Witness

CONTAINERS = {"workers 1": 2, "workers 2": 2, "workers 3": 1, "workers 4": 1}
CLOCKS = ("clock 1", "clock 2")
WEB = "web"
THREADS = 6
ENOUGH = 4


@dataclass
class Fleet:
    """Containers of workers, two schedulers and a web server.

    Attributes:
        disk: The file system that is filled; None: nobody could make one.
        still: Workers that were stopped.
    """

    workplace: Workplace
    store_url: str
    node: Node
    cluster: Cluster | None
    processes: Processes
    witness: Witness
    disk: Path | None
    still: set[int] = field(default_factory=set)

    def start(self) -> None:
        home = None if self.cluster else self.workplace.home
        self.place = Place(open_store(self.store_url).store, home, self.cluster)
        starters: dict[str, Callable[[], Process]] = {
            name: self._container(count) for name, count in CONTAINERS.items()
        }
        starters |= dict.fromkeys(CLOCKS, lambda: self.processes.scheduler(self.workplace))
        starters[WEB] = lambda: self.processes.orchestrate(self.workplace, "web")
        self.supervisor = Supervisor(starters)

    def stop(self) -> None:
        self.supervisor.stop()
        self.place.store.close()

    def _container(self, count: int) -> Callable[[], Process]:
        words = (MODULE, "-p", str(count), "-t", str(THREADS))
        return lambda: self.processes.workers(self.workplace, *words)

    @property
    def is_ready(self) -> bool:
        return len(self.workers()) >= sum(CONTAINERS.values())

    def workers(self) -> dict[int, str]:
        """By process id, the container of each worker that is at work as far as one can know."""
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
