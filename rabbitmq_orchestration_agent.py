"""The setup guide's import line: `from rabbitmq_orchestration_agent import …` works as printed."""

from orchestration import AgentMessageBus, RabbitMQOrchestrationAgent

__all__ = ["AgentMessageBus", "RabbitMQOrchestrationAgent"]
