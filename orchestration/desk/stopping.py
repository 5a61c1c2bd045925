"""The emergency stop, by whichever door somebody asks for it."""

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.ports import Locks
from orchestration.runtime.sweeper import Sweeper


def stop(engine: Engine, locks: Locks, by: By) -> None:
    """Stop everything, and let nobody wait for workers that are dead beyond doubt."""
    engine.stop_everything(by)
    Sweeper(engine, locks).sign_off_dead()
