"""The emergency stop, for the command line and HTTP alike."""

from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.ports import Locks
from orchestration.runtime.sweeper import Sweeper


def stop(engine: Engine, locks: Locks, by: By) -> None:
    """Stop everything, and sign off workers that are dead beyond doubt: they cannot acknowledge."""
    engine.stop_everything(by)
    Sweeper(engine, locks).sign_off_dead()
