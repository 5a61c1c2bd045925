"""Clients that start commands at the store or over HTTP, and write down the answers."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from orchestration.client import Client
from orchestration.errors import ServerError, StoreError, WorkflowFailedError
from orchestration.handles import Handle
from tests.acceptance.chaos.plan import Plan
from tests.acceptance.checker import Promise
from tests.acceptance.promises import DELIVERED, PARCELS, RETURNED, VALIDATED, VALIDATION
from tests.acceptance.witness import TOLD, Line, Witness
from tests.acceptance.witnessed import app

OPEN_ORDERS = 8
PATIENCE_S = 180.0


@dataclass
class Customers:
    """Clients that start commands, and wait for each to end.

    Attributes:
        places: The server where each client orders; None: at the store itself.
    """

    witness: Witness
    plan: Plan
    places: tuple[str | None, ...]
    promises: dict[str, Promise] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    problems: list[BaseException] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
    attempted: int = 0
    _numbers: Iterator[int] = field(default_factory=count)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Let clients come from now on, until `finish`."""
        self._began_at = time.monotonic()
        self._threads = [threading.Thread(target=self._come, args=[each]) for each in self.places]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let no further clients come, and wait for the runs that were accepted."""
        self.enough.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S + self.plan.workflows)
            assert not thread.is_alive(), "a client waits for ever"

    def _come(self, place: str | None) -> None:
        try:
            with Client(place, app=app) as client:
                self._buy(client)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.problems.append(error)

    def _buy(self, client: Client) -> None:
        open_orders: list[Handle] = []
        for number in self._numbers:
            if number >= self.plan.workflows and self.enough.is_set():
                break
            early_s = self._began_at + number * self.plan.order_s - time.monotonic()
            self.enough.wait(max(early_s, 0.0))
            open_orders.append(insisting(lambda n=number: self._start(client, n)))  # type: ignore[misc]
            if len(open_orders) >= OPEN_ORDERS:
                self._collect(open_orders.pop(0))
        for order in open_orders:
            self._collect(order)

    def _start(self, client: Client, number: int) -> Handle:
        """Order under a key: a client that got no answer orders again, and gets the same run."""
        self.attempted += 1
        key = f"n{number}"
        if number % 8 == 0:
            handle = client.start("validate_algorithms", VALIDATION, idempotency_key=key)
            self.promises[handle.workflow_id] = VALIDATED
            return handle
        refused = number % 8 == 1
        parcels = list(range(number, number + PARCELS))
        wanted = {"parcels": parcels, "refused": refused}
        handle = client.start("delivery", wanted, idempotency_key=key)
        self.promises[handle.workflow_id] = RETURNED if refused else DELIVERED
        return handle

    def _collect(self, handle: Handle) -> None:
        try:
            self.results[handle.workflow_id] = insisting(lambda: handle.result(PATIENCE_S))
            status = "completed"
        except WorkflowFailedError as error:
            status = error.status
        except TimeoutError as error:
            self.problems.append(error)
            return
        self.witness.write(Line(TOLD, handle.workflow_id, status))


def insisting(ask: Callable[[], Any]) -> Any:
    """The answer to a request, which is repeated while the store or the server is away."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except (StoreError, ServerError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
