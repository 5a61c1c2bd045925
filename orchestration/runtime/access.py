"""The fleet as actions see it."""

from collections.abc import Sequence

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.views.fleet import FleetView


class FleetAccess(FleetView):
    """What actions may ask about the fleet, and have its agents do.

    Args:
        engine: The engine of this process.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.store, engine.clock)
        self._engine = engine

    def pause(self, agents: Sequence[str], by: str) -> None:
        """Send these agents nothing more, on behalf of a run; what runs may finish."""
        self._engine.pause_agents(agents, By(by))

    def resume(self, agents: Sequence[str], by: str) -> None:
        """End what this run has paused; the pauses of others stay."""
        self._engine.withdraw_pause(agents, By(by))
