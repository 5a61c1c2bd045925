"""What actions may ask of the fleet."""

from collections.abc import Sequence

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.views.fleet import FleetView


class FleetAccess(FleetView):
    """Lets actions read the fleet's state, and pause and resume its agents.

    Args:
        engine: The engine of this process.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.store, engine.clock)
        self._engine = engine

    def pause(self, agents: Sequence[str], by: str) -> None:
        """Pause agents on behalf of a run: they are sent nothing new; running steps may finish."""
        self._engine.pause_agents(agents, By(by))

    def resume(self, agents: Sequence[str], by: str) -> None:
        """End this run's own pauses of agents; the pauses of others stay."""
        self._engine.withdraw_pause(agents, By(by))
