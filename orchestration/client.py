"""The Python client: start workflows and follow them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel

from orchestration import hosting, settings
from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.desk import starting
from orchestration.desk.opening import opened_desk
from orchestration.engine.by import By
from orchestration.engine.fork import Edits, keyed, propose
from orchestration.handles import Handle, RemoteHandle, StoreHandle
from orchestration.patience import Patience
from orchestration.server_paths import path_of
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.remote import Remote


class Client:
    """Starts workflows in a store or behind a server, and follows them there.

    Args:
        url: The store's address, `sqlite:///…` or `postgresql://…`, or the server's, `http://…`;
            default ORCHESTRATION_URL, and else the settings' store.
        app: The fleet whose workflows it starts; default the settings' app. A server has its own.
        sender: The sender of its commands, and who cancels and forks, for the audit; over HTTP it
            is the token's name.

    Raises:
        ConfigurationError: A setting is wrong.
        StoreError: The store cannot be used.
    """

    def __init__(
        self, url: str | None = None, *, app: App | None = None, sender: str = "client"
    ) -> None:
        found, self._sender, self._open = settings.load(), sender, ExitStack()
        address = url or found.orchestration_url or found.store_url
        self._remote = remote_at(address, found)
        if self._remote is not None:
            self._open.callback(self._remote.close)
            return
        self._app = app or hosting.load_app(found.app)
        desk = self._open.enter_context(opened_desk(self._app, found, "client", address))
        self._store, self.engine = desk.opened.store, desk.engine

    def start(
        self,
        name: str,
        parameters: Mapping[str, Any] | BaseModel | None = None,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
    ) -> Handle:
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
            StoppedError: An emergency stop holds.
            StoreError: Nothing was stored.
            InDoubtError: It is not known whether it was stored, and the message names the run.
            ServerError: The server cannot be reached; with a key, repeat it.
        """
        if self._remote is not None:
            body = {"command": name, "parameters": jsonable(parameters), "priority": priority}
            started = self._remote.post("/commands", body, key=idempotency_key)
            return RemoteHandle(self._remote, started["workflow_id"])
        command = starting.command_of(
            self._app, name, parameters, self._sender, idempotency_key, priority
        )
        return StoreHandle(self.engine, self.engine.submit(command), self._sender)

    def workflow(self, workflow_id: str) -> Handle:
        """The handle of a run that exists already."""
        if self._remote is not None:
            return RemoteHandle(self._remote, workflow_id)
        return StoreHandle(self.engine, workflow_id, self._sender)

    def fork(
        self,
        workflow_id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        again: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> Handle:
        """Start a run that takes over the finished results of an ended one.

        Args:
            workflow_id: The ended run.
            parameters: New values, by name; all others stay as they were.
            again: Steps that run again though they were finished, with all that comes after.
            idempotency_key: The same key never makes the same fork a second time.

        Raises:
            NotFoundError: There is no such run.
            StateError: The run has not ended, or nothing would run again.
            RejectedError: The parameters, a step's name or the key is wrong; nothing was stored.
            OverloadedError: Too many runs of this sender are pending.
            StoppedError: An emergency stop holds.
            StoreError: Nothing was stored.
            InDoubtError: It is not known whether it was stored, and the message names the run.
        """
        if self._remote is not None:
            body = {"parameters": dict(parameters or {}), "again": list(again)}
            path = f"{path_of(workflow_id)}/fork"
            made = self._remote.post(path, body, key=idempotency_key)
            return RemoteHandle(self._remote, made["id"])
        edits = Edits(parameters or {}, tuple(again))
        proposal = self._store.read(
            lambda s: propose(
                s, self._app, workflow_id, edits, sender=self._sender, run_hex=run_hex()
            )
        )
        if idempotency_key is not None:
            proposal = keyed(proposal, starting.checked(idempotency_key))
        forked = self.engine.fork(proposal, By(self._sender))
        return StoreHandle(self.engine, forked, self._sender)

    def close(self) -> None:
        """Send the messages that are under way, and close the store or the connection."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def remote_at(
    address: str, found: Settings, patience: Callable[[float], Patience] = Patience
) -> "Remote | None":
    """The server at an address, with some patience; None: it is the address of a store."""
    if not address.startswith(("http://", "https://")):
        return None
    token = found.orchestration_api_token
    remote = import_module("orchestration.remote")  # a slow import, and seldom needed
    secret = None if token is None else token.get_secret_value()
    server: Remote = remote.Remote(address, secret, patience)
    return server


def jsonable(parameters: Mapping[str, Any] | BaseModel | None) -> dict[str, Any]:
    """Parameters as they are sent: JSON values, under the names that their model reads."""
    if isinstance(parameters, BaseModel):
        return parameters.model_dump(mode="json", by_alias=True)
    return dict(parameters or {})
