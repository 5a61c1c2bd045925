"""Few heaps: memory that many threads have used goes back to the system.

glibc gives threads up to eight heaps for each core, and each keeps its high-water mark: a flood of
large messages would leave a worker three times as large for ever. Threads that share the
interpreter's lock gain nothing from heaps of their own.
"""

import ctypes
import logging

log = logging.getLogger(__name__)

ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
FEW = 2


def keep_few() -> bool:
    """Let threads that start from now on share two heaps; False if this C library cannot."""
    try:
        is_set = bool(ctypes.CDLL(None).mallopt(ARENA_MAX, FEW) == 1)
    except (OSError, AttributeError, TypeError):
        is_set = False
    if not is_set:
        log.debug("this C library keeps its heaps as it likes")
    return is_set
