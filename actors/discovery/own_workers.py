"""The control of discovery's workers if they are this fleet's own."""

import os
import platform
from datetime import timedelta

from actors.discovery.controller import Answer, Facts, await_until
from actors.discovery.errors import WorkersBusyError
from actors.errors import AbandonedError, require_wanted
from actors.names import DISCOVERY_ALGORITHM
from orchestration import Context
from orchestration.text import counted

IDLE = {"ready": 0, "queued": 0, "running": 0}
KEPT = "each is a step of a durable run: cancel the run where it is not wanted"


class OwnWorkers:
    """The workers that serve the discovery agent.

    Their processes also serve other agents and belong to a supervisor, so they are not ended:
    discovery is paused until none of its steps runs, and counts as restarted when a worker has
    taken one of its steps again.
    """

    def stop(self, context: Context, *, force: bool, grace: timedelta) -> Answer:
        """Pause discovery, and wait until none of its steps runs.

        `force` cannot break off the steps of other runs: only their owners should cancel those.

        Raises:
            WorkersBusyError: Some steps still run; discovery is resumed.
            AbandonedError: The attempt has lost its claim.
        """
        context.fleet.pause([DISCOVERY_ALGORITHM], context.workflow_id)
        try:
            require_wanted(context)  # this attempt may have begun long ago
        except AbandonedError:
            self.resume(context)
            raise

        def look() -> tuple[int]:
            running = steps_of_discovery(context)["running"]
            context.progress(0.5, f"waiting for {counted(running, 'step')} of discovery")
            return (running,)

        (running,) = await_until(context, look, lambda now: now[0] == 0, grace)
        if running:
            self.resume(context)
            listed = f"{counted(running, 'step')} of {DISCOVERY_ALGORITHM}"
            forced = "force_stop does not break off steps of other runs. " if force else ""
            advice = "Wait for them, or cancel their runs: `orchestrate workflows list`"
            raise WorkersBusyError([listed], forced + advice)
        return {"controller": "own", "queue": DISCOVERY_ALGORITHM, "stopped": []}

    def resume(self, context: Context) -> Answer:
        """End this run's pause; discovery stays paused while a person or another run pauses it."""
        context.fleet.resume([DISCOVERY_ALGORITHM], context.workflow_id)
        return {"controller": "own", "resumed": True}

    def clear(self, context: Context) -> Answer:
        """Report what waits, and end this run's pause, which would hold up its own next step.

        Nothing is removed, since every step belongs to a run.
        """
        waiting = steps_of_discovery(context)
        self.resume(context)
        jobs = {place: {"before": count, "after": count} for place, count in waiting.items()}
        answer = {"controller": "own", "queue": DISCOVERY_ALGORITHM, "jobs": jobs}
        return {**answer, "cleared": [], "kept": list(jobs), "reason": KEPT}

    def restart(self, context: Context, stopped: Answer) -> Answer:
        """Report the worker that took this very step: the proof that work is taken again."""
        worker = {"host": platform.node(), "pid": os.getpid(), "attempt": context.attempt}
        return {"controller": "own", "queue": stopped["queue"], "workers": [worker]}

    def look(self) -> Facts:
        """Only the kind: the caller is such a worker itself."""
        return {"controller": "own"}


def steps_of_discovery(context: Context) -> dict[str, int]:
    """How many steps of discovery are ready, sent and running."""
    found = context.fleet.status()["queues"].get(DISCOVERY_ALGORITHM, IDLE)
    return {place: found[place] for place in IDLE}
