"""Who holds the lock around write transactions, and since when."""

import errno
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from orchestration.store.lock import WriteLock
from tests.eventually import eventually


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


def test_a_child_that_was_forked_does_not_keep_the_lock_of_a_parent_that_died(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    mine = WriteLock(path)
    victim = get_context("spawn").Process(target=die_with_a_child, args=(path,))
    victim.start()
    eventually(lambda: victim.exitcode is not None, within=30)  # `join` would wait for the orphan
    orphan = int(path.with_suffix(".pid").read_text())
    with ThreadPoolExecutor(1) as pool:
        had = pool.submit(mine.acquire)
        try:
            had.result(10)
        finally:
            os.kill(orphan, signal.SIGKILL)
    mine.release()
    mine.close()


class FullDisk(WriteLock):
    """One on a disk that takes nothing any more."""

    full = False

    def _sign(self, signature: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space")
        super()._sign(signature)


def test_a_full_disk_keeps_nobody_waiting(tmp_path: Path) -> None:
    mine, theirs = FullDisk(tmp_path / "lock"), WriteLock(tmp_path / "lock")
    mine.acquire()
    mine.full = True
    mine.release()
    theirs.acquire()
    theirs.release()
    with pytest.raises(OSError, match="no space"):
        mine.acquire()
    theirs.acquire()
    theirs.release()
    mine.close()
    theirs.close()


def die_with_a_child(path: Path) -> None:
    WriteLock(path).close()
    lock = WriteLock(path)
    lock.acquire()
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    path.with_suffix(".pid").write_text(str(child))
    os.kill(os.getpid(), signal.SIGKILL)


def die_with(path: Path) -> None:
    WriteLock(path).acquire()
    os.kill(os.getpid(), signal.SIGKILL)
