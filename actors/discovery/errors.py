"""What can go wrong with discovery's workers; each error says what to do next."""

from collections.abc import Sequence

from orchestration import OrchestrationError, PermanentError


class WorkersBusyError(PermanentError):
    """Workers have not stopped in time: wait for what they do, or repeat with `force_stop`.

    Attributes:
        busy: One line for each worker: its name, host and job.
    """

    def __init__(self, busy: Sequence[str], advice: str) -> None:
        super().__init__(f"still at work: {'; '.join(busy)}. {advice}")
        self.busy = tuple(busy)


class AlreadyRestartingError(PermanentError):
    """Another run restarts discovery: wait for its end, or cancel it.

    Attributes:
        workflow_id: The id of the other run.
    """

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"{workflow_id} restarts discovery already: wait for it, or cancel it")
        self.workflow_id = workflow_id


class ServiceError(OrchestrationError):
    """Discovery did not come back: look at its service where the message points, then repeat."""
