"""Real RQ workers on a Redis server of the test's own, and steps that control them."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from redis import Redis
from rq import Queue
from rq.job import Job

from actors.discovery.rq_controller import RqController
from actors.discovery.rq_worker import ListedWorker, list_workers
from actors.discovery.service import Platform, Service
from actors.parameters import RestartDiscoverySystem
from orchestration import Context
from orchestration.context import Fleet
from tests.acceptance.processes import Process, Processes, Workplace
from tests.actors import chores
from tests.eventually import eventually

QUEUE = "discovery"
RQ = str(Path(sys.executable).with_name("rq"))
WITHIN = 30.0


class SomeSteps(Fleet):
    """A fleet in which discovery does so many steps."""

    def __init__(self, running: int = 0) -> None:
        self.paused: list[str] = []
        queue = {"ready": 1, "queued": 2, "running": running}
        self._queues = {"discovery_algorithm_agent": queue}

    def status(self) -> dict[str, Any]:
        return {"queues": self._queues}

    def emergency(self) -> dict[str, Any]:
        return {}

    def pause(self, agents: Sequence[str], by: str) -> None:
        assert by
        self.paused += agents

    def resume(self, agents: Sequence[str], by: str) -> None:
        assert by
        self.paused = [name for name in self.paused if name not in agents]


@dataclass
class Settable:
    """A configuration that a step sets at once."""

    values: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def version(self, name: str) -> int:
        return int(name in self.values)

    def set_by(self, _name: str) -> str | None:
        return None

    def set(self, name: str, value: Any) -> None:
        self.values[name] = value


class Unshared:
    """Shared values that are never kept."""

    def get(self, _key: str) -> Any:
        return None

    def under(self, _prefix: str) -> Mapping[str, Any]:
        return {}

    def update(self, _key: str, change: Callable[[Any], Any]) -> Any:
        return change(None)

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Heard:
    """What a step reported, emitted and configured."""

    progress: list[tuple[float, str]] = field(default_factory=list)
    emitted: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    configured: Settable = field(default_factory=Settable)
    cancelled: bool = False


def context_of(
    step: str,
    heard: Heard | None = None,
    *,
    parameters: BaseModel | None = None,
    results: Mapping[str, Any] | None = None,
    run: str = "restart_1",
    fleet: Fleet | None = None,
) -> Context:
    """One attempt of a step."""
    told = heard or Heard()
    return Context(
        workflow_id=run,
        step=step,
        parameters=parameters or RestartDiscoverySystem(),
        results=results or {},
        item=None,
        attempt=1,
        idempotency_key=f"{run}:{step}",
        log=logging.LoggerAdapter(logging.getLogger("tests"), {}),
        fleet=fleet or SomeSteps(),
        configuration=told.configured,
        shared=Unshared(),
        emitter=lambda name, data: told.emitted.append((name, data)),
        report=lambda done, text: told.progress.append((done, text)),
        is_cancelled=lambda: told.cancelled,
    )


class RqFleet:
    """Workers of one queue, started and watched by a test."""

    def __init__(self, url: str, processes: Processes, home: Path) -> None:
        self.url = url
        self.home = home
        self.redis = Redis.from_url(url)
        self.queue = Queue(QUEUE, connection=self.redis)
        self._processes = processes

    def controller(self, service: Service | None = None) -> RqController:
        return RqController(self.url, QUEUE, service or Platform())

    def worker(self, name: str, *queues: str) -> Process:
        """Start a worker, and return once it is registered and listens."""
        words = (RQ, "worker", *(queues or (QUEUE,)), "--url", self.url, "--name", name)
        process = self._processes.start(Workplace(self.home, measured=False), *words)
        eventually(lambda: process.ended is not None or self.idle(name), within=WITHIN)
        assert process.ended is None, process.output
        return process

    def listed(self) -> dict[str, ListedWorker]:
        return {worker.name: worker for worker in list_workers(self.queue)}

    def idle(self, name: str) -> bool:
        found = self.listed().get(name)
        return found is not None and found.state == "idle" and found.listening

    def busy(self, name: str) -> tuple[Job, Path]:
        """Keep the only idle worker busy; return its job, and the file that ends the job."""
        end = self.home / f"{name}.end"
        job = self.queue.enqueue(chores.hold, str(end), job_id=f"job-of-{name}")
        eventually(end.with_suffix(".begun").exists, within=WITHIN)
        eventually(lambda: self.listed()[name].job == job.id, within=WITHIN)
        return job, end

    def close(self) -> None:
        self.redis.close()
