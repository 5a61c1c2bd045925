"""Memory and speed."""

import psutil

from actors.health import Facts, answering
from actors.names import API_INTEGRATION, CACHING_PERFORMANCE
from orchestration import Agent


def look() -> Facts:
    """Measure the machine's memory."""
    memory = psutil.virtual_memory()
    return {"memory_used": round(memory.percent / 100, 3), "memory_mib": memory.total // 2**20}


agent = Agent(
    CACHING_PERFORMANCE,
    capabilities=["caching", "performance_optimization", "memory_management"],
    depends_on=[API_INTEGRATION],
    actions={"health_check": answering(CACHING_PERFORMANCE, look)},
)
