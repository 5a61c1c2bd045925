"""The names of queues, and so of actors: those that every fleet has, and one for each agent."""

from orchestration.definitions import RESERVED

ORCHESTRATOR, MONITOR = RESERVED
TICKED = frozenset(RESERVED)


def queue_of(agent: str) -> str:
    """An agent's queue bears its name; Dramatiq wants it to begin with a letter or `_`.

    No agent has a dot in its name, so no two have the same queue.
    """
    return f"_.{agent}" if agent[0].isdigit() or agent[0] == "-" else agent
