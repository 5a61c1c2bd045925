"""Who holds the lock around write transactions, and since when."""

import os
from pathlib import Path

from orchestration.store.lock import WriteLock


def test_one_that_is_held_for_long_is_told_from_one_that_is_passed_on(tmp_path: Path) -> None:
    mine, theirs = (WriteLock(tmp_path / "lock") for _ in range(2))
    assert theirs.holder_for(0.0) is None
    mine.acquire()
    assert theirs.holder_for(0.01) == os.getpid()
    mine.release()
    assert theirs.holder_for(0.0) is None
    mine.close()
    theirs.close()
