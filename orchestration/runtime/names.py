"""The actors that every fleet has beside its agents; their queues bear their names."""

ORCHESTRATOR = "orchestrator"
MONITOR = "heartbeat_monitor"
TICKED = frozenset({ORCHESTRATOR, MONITOR})
