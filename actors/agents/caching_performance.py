"""The agent for caches, queues and memory."""

from typing import Any

import psutil

from actors.discovery.configured import configured_controller
from actors.health import Facts, answering
from actors.names import API_INTEGRATION, CACHING_PERFORMANCE
from orchestration import Agent, Context


def clear_job_queue(context: Context) -> dict[str, Any]:
    """Remove the jobs that wait for discovery's workers, and count them before and after."""
    return configured_controller().clear(context)


def look(_context: Context) -> Facts:
    """Measure the machine's memory."""
    memory = psutil.virtual_memory()
    return {"memory_used": round(memory.percent / 100, 3), "memory_mib": memory.total // 2**20}


agent = Agent(
    CACHING_PERFORMANCE,
    capabilities=["caching", "performance_optimization", "memory_management"],
    depends_on=[API_INTEGRATION],
    actions={
        "clear_job_queue": clear_job_queue,
        "health_check": answering(CACHING_PERFORMANCE, look),
    },
)
