"""The stacks of this process's threads, as text: they show where a step hangs."""

import sys
import threading
import traceback
from collections.abc import Mapping

from orchestration.engine import Held

LONGEST = 200_000


def of_threads(attempts: Mapping[int, Held]) -> str:
    """Each thread with its stack, those that work on an attempt first; no values, only lines.

    Args:
        attempts: Each attempt by the id of its thread; shown with its number, as in log lines.
    """
    names = {each.ident: each.name for each in threading.enumerate()}
    frames = sorted(sys._current_frames().items(), key=lambda each: each[0] not in attempts)  # noqa: SLF001 - the only way to it
    texts = []
    for ident, frame in frames:
        title = names.get(ident, str(ident))
        if held := attempts.get(ident):
            (run_id, step, branch), number = held
            title += f", at {run_id}:{step}[{branch}], attempt {number}"
        texts.append(f"{title}\n{''.join(traceback.format_stack(frame))}")
    return "\n".join(texts)[:LONGEST]
