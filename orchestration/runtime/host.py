"""The host: the actors that a process declares, and the parts that serve them once it runs."""

from collections.abc import Callable, Mapping

import dramatiq

from orchestration.errors import OrchestrationError
from orchestration.ports import Dispatch
from orchestration.runtime import acknowledgement
from orchestration.runtime.names import MONITOR, ORCHESTRATOR, queue_of
from orchestration.runtime.running import Running, Setup


class Host:
    """One process's actors: one for each agent, the orchestrator and the heartbeat monitor.

    It is made when the process loads its modules, and started once its threads are wanted:
    after the fork, so that no lock, connection or id is shared by two processes.

    Args:
        setup: The fleet, its settings and its broker.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._running: Running | None = None
        for agent in setup.app.agents:
            self._declare(queue_of(agent.name), self._work_on(agent.name))
        self._declare(ORCHESTRATOR, self._orchestrate)
        self._declare(MONITOR, self._monitor)

    @property
    def running(self) -> Running:
        """The started parts.

        Raises:
            OrchestrationError: The host is not started, or has stopped.
        """
        if self._running is None:
            raise OrchestrationError("the host is not running: start a worker first")
        return self._running

    def start(
        self, queues: Mapping[str, int], watch: Callable[[], str | None] = lambda: None
    ) -> None:
        """Open the store, register this worker, and begin to beat.

        Args:
            queues: For each queue that is consumed here, how many steps run at once.
            watch: Asked at every beat: why this process must end, or None.

        Raises:
            StoreError: The store cannot be used.
        """
        ours = self._setup.app.agent.keys() - set(self._setup.settings.outside_agents)
        agents = {queue_of(name): name for name in ours}
        served = {agents[queue]: count for queue, count in queues.items() if queue in agents}
        self._running = Running(self._setup, served, watch)

    def lost_count(self) -> int:
        """How many threads work on attempts whose claims are lost."""
        return self.running.frame.lost_count()

    def drain(self) -> None:
        """Claim nothing new; claimed attempts go on."""
        if self._running is not None:
            self._running.drain()

    def stop(self) -> None:
        """End every part; attempts still held are handed over when the process is gone."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _declare(self, name: str, function: Callable[..., None]) -> None:
        dramatiq.actor(actor_name=name, queue_name=name, broker=self._setup.broker)(function)

    def _work_on(self, agent: str) -> Callable[..., None]:
        def work(*hint: str | int | bool) -> None:
            dispatch = Dispatch(agent, *hint)  # type: ignore[arg-type]  # as sent by `messages`
            frame = self.running.frame
            if frame.waits_in_vain():
                acknowledgement.give_back()
            elif not frame.work(dispatch, acknowledgement.acknowledge):
                acknowledgement.keep()

        return work

    def _orchestrate(self) -> None:
        """One tick: timers, dead workers, schedules, retention."""
        self.running.tick()

    def _monitor(self) -> None:
        """One look for agents that have fallen silent."""
        self.running.monitor.look()
