"""The health check of an agent."""

import platform
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import psutil

from orchestration import Context

_STARTED = monotonic()
_MEBIBYTE = 2**20

Answer = dict[str, Any]
Facts = Mapping[str, Any]


def answering(agent: str, look: Callable[[Context], Facts]) -> Callable[[Context], Answer]:
    """Return the action `health_check` of an agent.

    `look` tries what the agent depends on and returns what it found; an error that it raises means
    ill health, and fails the step.
    """

    def health_check(context: Context) -> Answer:
        """Try what this agent depends on, and report the process's use of the machine."""
        facts = dict(look(context))
        detailed = bool(getattr(context.parameters, "detailed", False))
        metrics = {**vitals(), **(machine() if detailed else {})}
        return {"agent": agent, "status": "healthy", "facts": facts, "metrics": metrics}

    return health_check


def vitals() -> dict[str, float | int]:
    """Return this process's memory, processor time, threads and uptime."""
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        return {
            "memory_mib": round(process.memory_info().rss / _MEBIBYTE, 1),
            "cpu_seconds": round(times.user + times.system, 3),
            "threads": process.num_threads(),
            "uptime_seconds": round(monotonic() - _STARTED, 3),
        }


def machine() -> dict[str, float | int | str]:
    """Return facts about the machine of this process."""
    return {
        "pid": psutil.Process().pid,
        "host": platform.node(),
        "python": platform.python_version(),
        "processors": psutil.cpu_count() or 1,
        "memory_free_mib": round(psutil.virtual_memory().available / _MEBIBYTE, 1),
    }
