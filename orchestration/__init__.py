"""Durable orchestration for fleets of agents on RabbitMQ."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.client import Client
    from orchestration.context import Context
    from orchestration.definitions import Agent, Workflow
    from orchestration.errors import OrchestrationError, PermanentError
    from orchestration.hosting import App
    from orchestration.plans import Retry, Step

HOMES = {
    "Agent": "definitions",
    "App": "hosting",
    "Client": "client",
    "Context": "context",
    "OrchestrationError": "errors",
    "PermanentError": "errors",
    "Retry": "plans",
    "Step": "plans",
    "Workflow": "definitions",
}

__all__ = [
    "Agent",
    "App",
    "Client",
    "Context",
    "OrchestrationError",
    "PermanentError",
    "Retry",
    "Step",
    "Workflow",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `orchestrate --help` is quick."""
    if name not in HOMES:
        raise AttributeError(f"module 'orchestration' has no attribute {name!r}")
    return getattr(import_module(f"orchestration.{HOMES[name]}"), name)
