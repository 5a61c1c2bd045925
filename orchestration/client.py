"""The Python client: start workflows and follow them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel

from orchestration import hosting, settings
from orchestration.bus.address import address_in
from orchestration.clock import SystemClock, new_id
from orchestration.definitions import App
from orchestration.desk import starting
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.fork import Edits, propose
from orchestration.errors import WorkflowFailedError
from orchestration.runtime.relay import Relay
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.state import RunStatus
from orchestration.store import events, runs
from orchestration.store.connect import open_store
from orchestration.store.events import EventRow
from orchestration.views import workflow

POLL_S = 0.05
BATCH = 500


class Client:
    """Starts workflows in a store, and follows them there.

    Args:
        url: The store's address, `sqlite:///…` or `postgresql://…`; default the settings' one.
        app: The fleet whose workflows it starts; default the settings' one.
        sender: In whose name.

    Raises:
        ConfigurationError: A setting is wrong.
        StoreError: The store cannot be used.
    """

    def __init__(
        self, url: str | None = None, *, app: App | None = None, sender: str = "client"
    ) -> None:
        found = settings.load()
        self._app = app or hosting.load_app(found.app)
        self._sender = sender
        self._store = open_store(url or found.store_url).store
        server = address_in(found)
        self._relay = (
            NoRelay()
            if server is None
            else Relay(partial(server.parameters, "orchestration client"))
        )
        rules = rules_of(found, f"client-{new_id()}", sends=server is not None, app=self._app)
        self.engine = Engine(self._store, self._relay, SystemClock(), rules)

    def start(
        self,
        name: str,
        parameters: Mapping[str, Any] | BaseModel | None = None,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
    ) -> "Handle":
        """Start a workflow, or find the one that the same key started.

        Args:
            name: The workflow.
            parameters: What its model validates; default none.
            idempotency_key: The same key never starts a second run.
            priority: 1 (low) to 4 (critical); default the workflow's own.

        Raises:
            RejectedError: The name, the parameters, the key or the priority is wrong; nothing was
                stored.
            OverloadedError: Too many runs of this sender are pending.
            StoreError: Nothing was stored.
        """
        command = starting.command_of(
            self._app, name, parameters, self._sender, idempotency_key, priority
        )
        return Handle(self.engine, self.engine.submit(command))

    def workflow(self, workflow_id: str) -> "Handle":
        """The handle of a run that exists already."""
        return Handle(self.engine, workflow_id)

    def fork(
        self,
        workflow_id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        again: Sequence[str] = (),
    ) -> "Handle":
        """Start a run that takes over the finished results of an ended one.

        Args:
            workflow_id: The ended run.
            parameters: New values, by name; all others stay as they were.
            again: Steps that run again though they were finished, with all that comes after.

        Raises:
            NotFoundError: There is no such run.
            StateError: It has not ended, or nothing would run again.
            RejectedError: The parameters or a step's name are wrong; nothing was stored.
            OverloadedError: Too many runs of this sender are pending.
            StoreError: Nothing was stored.
        """
        edits = Edits(parameters or {}, tuple(again))
        proposal = self._store.read(
            lambda s: propose(
                s, self._app, workflow_id, edits, sender=self._sender, run_hex=new_id()
            )
        )
        return Handle(self.engine, self.engine.fork(proposal, By(self._sender)))

    def close(self) -> None:
        """Send what is under way, and let go of the store."""
        self._relay.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Handle:
    """One workflow run.

    Attributes:
        workflow_id: Its id.
    """

    def __init__(self, engine: Engine, workflow_id: str) -> None:
        self._engine = engine
        self.workflow_id = workflow_id

    def status(self) -> dict[str, Any]:
        """The run with its steps, attempts and events.

        Raises:
            NotFoundError: There is no such run.
        """
        return self._engine.store.read(lambda s: workflow.detail(s, self.workflow_id))

    def phase(self) -> RunStatus:
        """Where the run is, in one word.

        Raises:
            NotFoundError: There is no such run.
        """
        return self._engine.store.read(lambda s: runs.status(s, self.workflow_id))

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end, and return the result.

        Args:
            timeout: Seconds to wait; default for ever.

        Raises:
            WorkflowFailedError: It failed or was cancelled.
            TimeoutError: It has not ended in time; it goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.phase().ended:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"{self.workflow_id} has not ended within {timeout} s")
            time.sleep(POLL_S)
        final = self._engine.store.read(lambda s: workflow.final(s, self.workflow_id))
        if final["status"] != RunStatus.COMPLETED:
            raise WorkflowFailedError(self.workflow_id, final["status"], final["error_messages"])
        return final["result"]

    def cancel(self, reason: str = "") -> RunStatus:
        """End the run; what it has done and can undo is undone.

        Raises:
            StateError: It has ended.
        """
        return self._engine.cancel(self.workflow_id, By("client", reason))

    def events(self) -> Iterator[EventRow]:
        """What happens to the run, from its beginning to its end."""
        last = 0
        while True:
            ended = self.phase().ended
            batch = self._engine.store.read(
                lambda s, after=last: events.after(s, after, BATCH, self.workflow_id)  # type: ignore[misc]
            )
            yield from batch
            last = batch[-1].id if batch else last
            if ended and not batch:
                return
            if not batch:
                time.sleep(POLL_S)
