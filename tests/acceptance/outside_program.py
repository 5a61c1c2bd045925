"""An agent of AMC-TRADER's fleet as a program of its own, which uses the bus and not Dramatiq.

    python -m tests.acceptance.outside_program AGENT

It calls the functions that the agent's actors call. It reads the state of the fleet, and the values
that all processes share, in the fleet's store.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic_core import to_jsonable_python

from actors import app
from orchestration import AgentMessageBus, settings
from orchestration.bus.command import Command
from orchestration.context import Context
from orchestration.definitions import Action
from orchestration.engine import Engine
from orchestration.runtime.access import FleetAccess
from orchestration.runtime.frame import call
from orchestration.runtime.staging import SharedValues
from orchestration.runtime.writing import NoRelay, rules_of
from orchestration.store.connect import open_store

DONE = "done by an outside program:"


class Program:
    """One agent, outside."""

    def __init__(self, name: str) -> None:
        found = settings.load()
        store = open_store(found.store_url).store
        rules = rules_of(found, "outside_program", sends=False)
        self._engine = Engine(store, NoRelay(), rules)
        self._bus = AgentMessageBus(name)
        for action, function in app.agent[name].actions.items():
            self._bus.on_command(action)(partial(self._act, function))

    async def run(self) -> None:
        await self._bus.run()

    def _act(self, function: Action, command: Command, parameters: Mapping[str, Any]) -> Any:
        emitted: list[tuple[str, Mapping[str, Any]]] = []
        run_id = command.workflow_id or ""
        workflow = app.workflow[run_id.rpartition("_")[0]]
        context = Context(
            workflow_id=run_id,
            step=command.step or "",
            parameters=workflow.parameters.model_validate(parameters),
            results=command.results,
            item=command.item,
            attempt=command.attempt,
            idempotency_key=command.idempotency_key or "",
            log=logging.LoggerAdapter(logging.getLogger(__name__), {}),
            fleet=FleetAccess(self._engine),
            configuration=command.configuration,
            shared=SharedValues(self._engine),
            emitter=lambda kind, data: emitted.append((kind, data)),
            report=command.progress,
            is_cancelled=lambda: command.cancelled,
        )
        value = to_jsonable_python(call(function, context))
        for kind, data in emitted:
            asyncio.run_coroutine_threadsafe(self._bus.send_data(kind, data), self.loop).result(10)
        sys.stdout.write(f"{DONE} {command.step} {command.name}\n")
        sys.stdout.flush()
        return value

    async def main(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self.run()


if __name__ == "__main__":
    asyncio.run(Program(sys.argv[1]).main())
