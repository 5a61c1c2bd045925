"""The jobs of discovery's RQ workers; jobs in Redis name these functions."""

import os
import platform
from typing import Any


def probe() -> dict[str, Any]:
    """Report the worker's process; that a worker answers at all is what counts."""
    return {"host": platform.node(), "pid": os.getpid()}
