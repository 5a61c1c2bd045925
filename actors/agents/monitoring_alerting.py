"""The agent that reports on the fleet's health and status."""

import time
from typing import Any

import psutil

from actors.health import Facts, answering
from actors.names import ALL_AGENT_NAMES, MONITORING_ALERTING
from orchestration import Agent, Context

LONGEST_WAIT_S = 10.0
POLL_S = 0.1


GOOD = ("healthy", "ok", "running", "completed")


def report_health(context: Context) -> dict[str, Any]:
    """Put the agents' answers side by side; an agent that failed or kept silent is unhealthy."""
    answers = dict(zip(ALL_AGENT_NAMES, context.results["asking_agents"], strict=True))
    unhealthy = [name for name, answer in answers.items() if not is_healthy(answer)]
    return {
        "status": "degraded" if unhealthy else "healthy",
        "asked": len(answers),
        "healthy": len(answers) - len(unhealthy),
        "unhealthy": unhealthy,
        "agents": answers,
    }


def is_healthy(answer: Any) -> bool:
    """Whether an answer reports good health; one of an outside agent need not say anything."""
    if not isinstance(answer, dict):
        return True
    status = answer.get("status", answer.get("health_status", "healthy"))
    return not answer.get("error") and status in GOOD


def report_status(context: Context) -> dict[str, Any]:
    """Report agents, queues, workflows, success rate, uptime and the last alerts."""
    return context.fleet.status()


def collect_acknowledgements(context: Context) -> dict[str, Any]:
    """Wait, not for long, until every worker and agent has acknowledged the emergency stop."""
    end = time.monotonic() + LONGEST_WAIT_S
    found = context.fleet.emergency()
    while (found["silent"] or found["left"]) and time.monotonic() < end and not context.cancelled:
        told = len(found["acknowledged"]) + len(found["silent"])
        done = len(found["acknowledged"])
        context.progress(done / told if told else 0.0, f"{done} of {told} have acknowledged")
        time.sleep(POLL_S)
        found = context.fleet.emergency()
    return found


def look(_context: Context) -> Facts:
    """Measure how busy the machine is."""
    one, five, fifteen = psutil.getloadavg()
    return {"load_1": one, "load_5": five, "load_15": fifteen}


agent = Agent(
    MONITORING_ALERTING,
    capabilities=["system_monitoring", "alerting", "health_checks"],
    actions={
        "report_health": report_health,
        "report_status": report_status,
        "collect_acknowledgements": collect_acknowledgements,
        "health_check": answering(MONITORING_ALERTING, look),
    },
)
