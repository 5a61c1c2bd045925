"""Threads that write: the first commits for all, and nobody waits for one who went away."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from orchestration.errors import PermanentError, StoreError
from orchestration.ports import Session
from orchestration.store.group import MOST_OPERATIONS, Group, Operation, Work, outcome_of
from tests.eventually import eventually


class Ledger:
    """Commits by counting; the first commit stays until it is let go on."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.sizes: list[int] = []
        self.begun, self.free = threading.Event(), threading.Event()
        self.error = error

    def commit(self, batch: Sequence[Work]) -> None:
        self.sizes.append(len(batch))
        if len(self.sizes) == 1:
            self.begun.set()
            self.free.wait()
            if self.error is not None:
                raise self.error
        for work in batch:
            work.outcome = len(self.sizes)


class Line(Sequence[Operation]):
    """Operations of which it is known that somebody has got in line with them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.joined = threading.Event()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        if index >= self.size:
            self.joined.set()
            raise IndexError
        return nothing


def nothing(_session: Session) -> None: ...


class CalledAwayError(Exception):
    """What a signal raises in the main thread."""


@pytest.fixture
def called() -> Iterator[threading.Event]:
    """Let SIGUSR1 interrupt the main thread, once."""
    away = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not away.is_set():
            away.set()
            raise CalledAwayError

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield away
    signal.signal(signal.SIGUSR1, before)


def test_what_comes_during_a_commit_is_in_the_next_one() -> None:
    ledger, lines = Ledger(), [Line(1) for _ in range(5)]
    group = Group(ledger.commit)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(group.do, [nothing])
        ledger.begun.wait()
        others = [pool.submit(group.do, line) for line in lines]
        for line in lines:
            line.joined.wait()
        ledger.free.set()
    assert first.result() == [1]
    assert sum(ledger.sizes) == 6
    assert {other.result()[0] for other in others} <= set(range(2, 7))


def test_many_operations_of_one_caller_are_committed_in_parts() -> None:
    ledger = Ledger()
    ledger.free.set()
    group = Group(ledger.commit)
    outcomes = group.do([nothing] * (MOST_OPERATIONS + 1))
    assert outcomes == [1] * MOST_OPERATIONS + [2]
    assert group.do([]) == []


def test_a_closed_group_has_done_everything_and_takes_nothing() -> None:
    ledger = Ledger()
    group = Group(ledger.commit)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(group.do, [nothing])
        ledger.begun.wait()
        closing = pool.submit(group.close)
        ledger.free.set()
        assert (first.result(), closing.result()) == ([1], None)
    group.close()
    with pytest.raises(StoreError, match="closed"):
        group.do([nothing])


def test_who_waits_behind_an_interrupted_commit_is_told_and_the_next_one_goes_on() -> None:
    ledger = Ledger(KeyboardInterrupt())
    group, line = Group(ledger.commit), Line(1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(group.do, [nothing, nothing])
        ledger.begun.wait()
        second = pool.submit(group.do, line)
        line.joined.wait()
        ledger.free.set()
        assert isinstance(first.exception(), KeyboardInterrupt)
        assert second.result() == [2]
    assert group.do([nothing]) == [3]


def test_nobody_is_told_of_a_success_where_a_commit_was_broken_off() -> None:
    begun, free = threading.Event(), threading.Event()

    def commit(batch: Sequence[Work]) -> None:
        if begun.is_set():
            raise SystemExit  # in somebody's operation, before any outcome is written
        begun.set()
        assert free.wait(10)
        batch[0].outcome = 1

    group, lines = Group(commit), [Line(1) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(group.do, [nothing])
        assert begun.wait(10)
        others = [pool.submit(group.do, line) for line in lines]
        assert all(line.joined.wait(10) for line in lines)
        free.set()
        assert first.result(10) == [1]
        for other in others:  # who led is interrupted, who was led is told
            if not isinstance(other.exception(10), SystemExit):
                assert "repeat it" in str(other.result()[0])


def test_what_ends_a_thread_is_told_to_the_one_it_came_from() -> None:
    begun, free = threading.Event(), threading.Event()

    def commit(batch: Sequence[Work]) -> None:
        begun.set()
        assert free.wait(10)
        for work in batch:
            work.outcome = outcome_of(lambda work=work: work.operation(None))  # type: ignore[misc]

    def end(_session: Session) -> None:
        raise SystemExit(7)

    group, lines = Group(commit), [Line(1) for _ in range(3)]
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(group.do, [nothing])
        assert begun.wait(10)
        others = [pool.submit(group.do, line) for line in lines]
        assert all(line.joined.wait(10) for line in lines)
        guilty = pool.submit(group.do, [nothing, end])
        free.set()
        assert [each.result(10) for each in (first, *others)] == [[None]] * 4
        with pytest.raises(SystemExit, match="7"):
            guilty.result(10)


def test_who_is_called_away_keeps_nobody_waiting(called: threading.Event) -> None:
    ledger = Ledger()
    group, line = Group(ledger.commit), Line(2)

    def fetch_main() -> None:
        line.joined.wait()
        while not called.is_set():  # a signal just before it begins to wait does not wake it
            os.kill(os.getpid(), signal.SIGUSR1)
            called.wait(0.1)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(group.do, [nothing])
        try:
            ledger.begun.wait()
            pool.submit(fetch_main)
            with pytest.raises(CalledAwayError):
                group.do(line)
        finally:
            ledger.free.set()
        assert first.result() == [1]
    assert group.do([nothing]) != [1]
    assert sum(ledger.sizes) in {2, 4}  # all of what it asked for, or nothing


def test_a_signal_never_meets_the_main_thread_in_a_commit() -> None:
    threads: list[threading.Thread] = []
    Group(lambda _: threads.append(threading.current_thread())).do([nothing])
    assert threads
    assert threading.main_thread() not in threads


def test_who_comes_while_the_lock_is_waited_for_is_in_the_batch() -> None:
    ledger = Ledger()
    ledger.free.set()
    waiting, free = threading.Event(), threading.Event()

    @contextmanager
    def others_write() -> Iterator[None]:
        waiting.set()
        assert free.wait(10)
        yield

    group = Group(ledger.commit, others_write)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(group.do, [nothing])
        assert waiting.wait(10)
        others = [pool.submit(group.do, [nothing]) for _ in range(3)]
        eventually(lambda: len(group._line) == 4, within=10)  # noqa: SLF001
        free.set()
        assert [each.result(10) for each in (first, *others)] == [[1]] * 4
    assert ledger.sizes == [4]


@pytest.mark.parametrize("error", [StoreError("no descriptor is left"), SystemExit()])
def test_who_gets_no_lock_is_told_and_the_next_one_tries(error: BaseException) -> None:
    ledger, locks = Ledger(), iter((error, None))
    ledger.free.set()

    @contextmanager
    def lock() -> Iterator[None]:
        if (broken := next(locks)) is not None:
            raise broken
        yield

    group = Group(ledger.commit, lock)
    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(group.do, [nothing, nothing])
        if isinstance(error, StoreError):
            assert refused.result(10) == [error, error]
        else:
            assert refused.exception(10) is error
        assert pool.submit(group.do, [nothing]).result(10) == [1]


def test_who_leads_waits_a_moment_where_fewer_are_in_line_than_were_let_go() -> None:
    waits: list[int] = []
    sizes: list[int] = []
    group = Group(lambda batch: sizes.append(len(batch)), gather=lambda: waits.append(len(sizes)))
    for count in (1, 1, 3, 3, 2, 2, 1, 1):
        group.do([lambda _: None] * count)
    assert sizes == [1, 1, 3, 3, 2, 2, 1, 1]
    assert waits == [4, 6]


def test_a_write_within_a_write_is_refused_in_place_of_waiting_for_itself() -> None:
    def commit(batch: Sequence[Work]) -> None:
        for work in batch:
            work.outcome = outcome_of(lambda work=work: work.operation(None))  # type: ignore[misc]

    group = Group(commit)
    (refused,) = group.do([lambda _: group.do([nothing])])
    assert isinstance(refused, PermanentError)
    assert "a write within a write" in str(refused)
    assert group.do([nothing]) == [None]


def test_a_lock_that_fails_at_its_release_ends_nobodys_line() -> None:
    @contextmanager
    def lock() -> Iterator[None]:
        yield
        raise OSError("no space")

    ledger = Ledger()
    ledger.free.set()
    group = Group(ledger.commit, lock)
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(group.do, [nothing] * (MOST_OPERATIONS + 1))
        assert many.result(10) == [1] * MOST_OPERATIONS + [2]
        assert pool.submit(group.do, [nothing]).result(10) == [3]
