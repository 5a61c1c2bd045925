"""The names of queues, and so of actors: those that every fleet has, and one for each agent."""

from orchestration.definitions import RESERVED

ORCHESTRATOR, MONITOR = RESERVED
TICKED = frozenset(RESERVED)


def queue_of(agent: str) -> str:
    """The queue of an agent: its name, prefixed if Dramatiq would refuse the first character.

    No agent's name has a dot in it, so no two agents have the same queue.
    """
    return f"_.{agent}" if agent[0].isdigit() or agent[0] == "-" else agent
