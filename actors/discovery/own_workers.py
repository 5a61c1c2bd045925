"""Discovery's workers where they are this fleet's own."""

import os
import platform
from datetime import timedelta

from actors.discovery.controller import Answer, Facts, await_until
from actors.discovery.errors import WorkersBusyError
from actors.names import DISCOVERY_ALGORITHM
from orchestration import Context

IDLE = {"ready": 0, "queued": 0, "running": 0}
KEPT = "each is a step of a durable run: cancel the run where it is not wanted"


class OwnWorkers:
    """The workers that serve the discovery agent.

    Their processes also serve others and belong to a supervisor, so they are not ended: to stop
    means that none of them is at work for discovery, and to restart that one takes work again.
    """

    def stop(self, context: Context, *, force: bool, grace: timedelta) -> Answer:
        """Wait until no step of discovery runs; `force` cannot break off a step of another run.

        Raises:
            WorkersBusyError: Some still run.
            AbandonedError: The attempt has lost its claim.
        """

        def look() -> tuple[int]:
            running = steps_of_discovery(context)["running"]
            context.progress(0.5, f"{running} steps of discovery still run")
            return (running,)

        (running,) = await_until(context, look, lambda now: now[0] == 0, grace)
        if running:
            listed = f"{running} steps of {DISCOVERY_ALGORITHM}"
            advice = "Wait for them, or cancel their runs: `orchestrate workflows list`"
            raise WorkersBusyError([listed], advice)
        return {"controller": "own", "queue": DISCOVERY_ALGORITHM, "stopped": [], "forced": force}

    def resume(self, context: Context) -> Answer:  # noqa: ARG002 - there is nothing to resume
        """Nothing was suspended."""
        return {"controller": "own", "resumed": False}

    def clear(self, context: Context) -> Answer:
        """Report what waits; nothing is removed, since every step belongs to a run."""
        waiting = steps_of_discovery(context)
        jobs = {place: {"before": count, "after": count} for place, count in waiting.items()}
        answer = {"controller": "own", "queue": DISCOVERY_ALGORITHM, "jobs": jobs}
        return {**answer, "cleared": [], "kept": list(jobs), "reason": KEPT}

    def restart(self, context: Context, stopped: Answer) -> Answer:
        """Say which worker took this very step: it is the proof that work is taken again."""
        worker = {"host": platform.node(), "pid": os.getpid(), "attempt": context.attempt}
        return {"controller": "own", "queue": stopped["queue"], "workers": [worker]}

    def look(self) -> Facts:
        """Who asks is such a worker itself."""
        return {"controller": "own"}


def steps_of_discovery(context: Context) -> dict[str, int]:
    """How many steps of discovery are ready, sent and running."""
    found = context.fleet.status()["queues"].get(DISCOVERY_ALGORITHM, IDLE)
    return {place: found[place] for place in IDLE}
