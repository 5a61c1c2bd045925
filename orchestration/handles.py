"""The handle of a workflow run, in a store or behind a server."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import WorkflowFailedError
from orchestration.server_paths import path_of
from orchestration.state import RunStatus
from orchestration.store import events, runs
from orchestration.store.events import EventRow
from orchestration.views import workflow

if TYPE_CHECKING:
    from orchestration.remote import Remote

NEAR_S, FAR_S = (0.0005, 0.05), (0.02, 0.25)  # the first pause, and the longest
BATCH = 500
GROWTH = 1.25  # by so much at most is a run waited for longer than it takes


class Handle(ABC):
    """One workflow run.

    Attributes:
        workflow_id: Its id.
    """

    pauses_s = NEAR_S

    def __init__(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id

    @abstractmethod
    def status(self) -> dict[str, Any]:
        """The run with its steps, attempts and events.

        Raises:
            NotFoundError: There is no such run.
        """

    @abstractmethod
    def phase(self) -> RunStatus:
        """The status of the run.

        Raises:
            NotFoundError: There is no such run.
        """

    @abstractmethod
    def final(self) -> dict[str, Any]:
        """How the run ended: status, result and error messages."""

    @abstractmethod
    def cancel(self, reason: str = "") -> RunStatus:
        """Cancel the run; its steps that have an undo are undone.

        Raises:
            StateError: The run has ended.
        """

    @abstractmethod
    def events(self) -> Iterator[EventRow]:
        """The events of the run as they happen, from its beginning to its end."""

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end, and return the result.

        Args:
            timeout: Seconds to wait; default for ever.

        Raises:
            WorkflowFailedError: The run failed or was cancelled.
            TimeoutError: The run has not ended in time; it goes on.
            ServerError: The server has been away for long, or is as the time is over.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        pauses = growing(*self.pauses_s)
        while (final := self._end(until)) is None:
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError(f"{self.workflow_id} has not ended within {timeout} s")
            time.sleep(min(next(pauses), left))
        if final["status"] != RunStatus.COMPLETED:
            raise WorkflowFailedError(self.workflow_id, final["status"], final["error_messages"])
        return final["result"]

    @abstractmethod
    def _end(self, until: float) -> dict[str, Any] | None:
        """How the run ended; None: it has not. What is away is asked again until then."""


class StoreHandle(Handle):
    """A run in a store.

    Args:
        engine: The engine whose store has the run.
        workflow_id: The run.
        sender: Who cancels it, for the audit.
    """

    def __init__(self, engine: Engine, workflow_id: str, sender: str = "client") -> None:
        super().__init__(workflow_id)
        self._engine, self._sender = engine, sender

    @override
    def status(self) -> dict[str, Any]:
        """The run with its steps, attempts and events."""
        return self._engine.store.read(lambda s: workflow.detail(s, self.workflow_id))

    @override
    def phase(self) -> RunStatus:
        """The status of the run."""
        return self._engine.store.read(lambda s: runs.status(s, self.workflow_id))

    @override
    def final(self) -> dict[str, Any]:
        """How the run ended."""
        return self._engine.store.read(lambda s: workflow.final(s, self.workflow_id))

    @override
    def cancel(self, reason: str = "") -> RunStatus:
        """Cancel the run; its steps that have an undo are undone."""
        return self._engine.cancel(self.workflow_id, By(self._sender, reason))

    @override
    def events(self) -> Iterator[EventRow]:
        """The events of the run as they happen, from its beginning to its end."""
        last, pauses = 0, growing(*self.pauses_s)
        while True:
            ended = self.phase().ended
            batch = self._engine.store.read(
                partial(events.after, last=last, limit=BATCH, run_id=self.workflow_id)
            )
            yield from batch
            if batch:
                last, pauses = batch[-1].id, growing(*self.pauses_s)
            elif ended:
                return
            else:
                time.sleep(next(pauses))

    @override
    def _end(self, until: float) -> dict[str, Any] | None:
        del until
        return self.final() if self.phase().ended else None


class RemoteHandle(Handle):
    """A run behind a server."""

    pauses_s = FAR_S

    def __init__(self, remote: "Remote", workflow_id: str) -> None:
        super().__init__(workflow_id)
        self._remote = remote

    @override
    def status(self) -> dict[str, Any]:
        """The run with its steps, attempts and events."""
        found: dict[str, Any] = self._remote.get(path_of(self.workflow_id))
        return found

    @override
    def phase(self) -> RunStatus:
        """The status of the run."""
        return RunStatus(self.final()["status"])

    @override
    def final(self) -> dict[str, Any]:
        """How the run ended; its result is None until then."""
        found: dict[str, Any] = self._remote.get(f"{path_of(self.workflow_id)}/result")
        return found

    @override
    def cancel(self, reason: str = "") -> RunStatus:
        """Cancel the run; its steps that have an undo are undone."""
        told = self._remote.post(f"{path_of(self.workflow_id)}/cancel", {"reason": reason})
        return RunStatus(told["status"])

    @override
    def events(self) -> Iterator[EventRow]:
        """The events of the run as they happen, from its beginning to its end."""
        for each in self._remote.events(f"{path_of(self.workflow_id)}/events"):
            at = datetime.fromisoformat(each["at"])
            place = each["step"], each["branch"]
            yield EventRow(each["id"], self.workflow_id, at, each["kind"], *place, each["detail"])

    @override
    def _end(self, until: float) -> dict[str, Any] | None:
        path = f"{path_of(self.workflow_id)}/result"
        found: dict[str, Any] = self._remote.wait_for(path, until)
        return found if RunStatus(found["status"]).ended else None


def growing(first_s: float, longest_s: float) -> Iterator[float]:
    """Pauses between two looks, in seconds: a short run is not waited for longer than it takes."""
    pause = first_s
    while True:
        yield pause
        pause = min(pause * GROWTH, longest_s)
