"""The actors that every fleet has beside its agents; their queues bear their names."""

from orchestration.definitions import RESERVED

ORCHESTRATOR = "orchestrator"
MONITOR = "heartbeat_monitor"
TICKED = RESERVED
