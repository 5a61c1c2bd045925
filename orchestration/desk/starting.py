"""Builds the command of a run, for the command line and HTTP alike."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.engine.command_digest import as_given, chosen, dumped
from orchestration.engine.submit import LONGEST_KEY, Command, prepare
from orchestration.errors import RejectedError


def command_of(
    app: App,
    name: str,
    parameters: Mapping[str, Any] | BaseModel | None,
    sender: str,
    key: str | None = None,
    priority: int | None = None,
) -> Command:
    """A command that can be submitted.

    Args:
        app: The fleet.
        name: The workflow.
        parameters: For its model to validate; None: none.
        sender: Who asks for the run: the scope of the key.
        key: The same key never starts a second run; None: each command starts one.
        priority: 1 (low) to 4 (critical); None: the workflow's own.

    Raises:
        RejectedError: The name, the parameters, the key or the priority is wrong.
    """
    if priority not in {None, 1, 2, 3, 4}:
        raise RejectedError(f"priority: 1 (low) to 4 (critical), not {priority!r}")
    if key is not None:
        checked(key)
    named = () if isinstance(parameters, BaseModel) else None  # a model has no other fields
    command = prepare(app, name, dumped(parameters), sender=sender, run_hex=run_hex(), named=named)
    if isinstance(parameters, BaseModel):
        command = replace(command, given=as_given(name, chosen(parameters)))
    return replace(command, key=key, priority=priority or command.priority)


def checked(key: str) -> str:
    """An idempotency key, if a store can keep it.

    Raises:
        RejectedError: No store can.
    """
    if 0 < len(key) <= LONGEST_KEY:
        return key
    what = "it is too long" if key else "it is empty"
    raise RejectedError(f"idempotency_key: 1 to {LONGEST_KEY} characters, or none; {what}")
