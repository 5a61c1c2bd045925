"""Durable orchestration for fleets of agents on RabbitMQ."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.bus.agent_bus import AgentMessageBus, send_messages
    from orchestration.client import Client
    from orchestration.context import Context
    from orchestration.definitions import Agent, Plot, Workflow
    from orchestration.errors import OrchestrationError, PermanentError
    from orchestration.hosting import App
    from orchestration.messages import MessagePriority, validate_message
    from orchestration.plans import Retry, Step
    from orchestration.rabbitmq_agent import RabbitMQOrchestrationAgent

HOMES = {
    "Agent": "definitions",
    "AgentMessageBus": "bus.agent_bus",
    "App": "hosting",
    "Client": "client",
    "Context": "context",
    "MessagePriority": "messages",
    "OrchestrationError": "errors",
    "PermanentError": "errors",
    "Plot": "definitions",
    "RabbitMQOrchestrationAgent": "rabbitmq_agent",
    "Retry": "plans",
    "Step": "plans",
    "Workflow": "definitions",
    "send_messages": "bus.agent_bus",
    "validate_message": "messages",
}

__all__ = [
    "Agent",
    "AgentMessageBus",
    "App",
    "Client",
    "Context",
    "MessagePriority",
    "OrchestrationError",
    "PermanentError",
    "Plot",
    "RabbitMQOrchestrationAgent",
    "Retry",
    "Step",
    "Workflow",
    "send_messages",
    "validate_message",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `orchestrate --help` is quick."""
    if name not in HOMES:
        raise AttributeError(f"module 'orchestration' has no attribute {name!r}")
    return getattr(import_module(f"orchestration.{HOMES[name]}"), name)
