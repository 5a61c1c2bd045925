"""What may be a slip in settings that can be used: each doubt is one line, told at the start."""

from collections.abc import Collection

from orchestration.settings.model import Settings


def undeclared(found: Settings, agents: Collection[str]) -> list[str]:
    """A line for each outside agent that the app does not declare.

    It is not refused: settings may be there before the release that declares it, and after it.

    Args:
        found: The settings.
        agents: Every agent of the app.
    """
    known = ", ".join(sorted(agents))
    return [
        f"OUTSIDE_AGENTS: unknown agent {name!r}; known: {known}"
        for name in found.outside_agents
        if name not in agents
    ]
