"""Who holds the lock around write transactions, and since when."""

import os
import signal
from multiprocessing import get_context
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


def test_one_that_died_with_it_has_it_no_longer(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "lock")
    victim = get_context("spawn").Process(target=die_with, args=(tmp_path / "lock",))
    victim.start()
    victim.join(30)
    assert victim.exitcode == -signal.SIGKILL
    assert lock.holder_for(0.0) is None
    lock.close()


def die_with(path: Path) -> None:
    WriteLock(path).acquire()
    os.kill(os.getpid(), signal.SIGKILL)
