"""What work costs, counted and not timed: it is the same on every machine, and must not grow."""

from contextlib import closing
from functools import partial
from typing import Any

import pytest

from orchestration.engine import Claim, intake
from orchestration.errors import RejectedError
from orchestration.ports import Session, Size, Store
from orchestration.state import RunStatus
from orchestration.store import alerts, approvals, timers
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.sqlite import MemoryStore
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, Fleet, Worker, app_of, step, workflow

R = RunStatus


def test_a_run_of_five_steps_costs_seven_transactions_and_46_statements(
    clock: FakeClock, memory: MemoryStore
) -> None:
    """Its command, its first claim, and five completions that each go on with the next step."""
    names = ["one", "two", "three", "four", "five"]
    line = workflow("line", *(step(n, *names[max(i - 1, 0) : i]) for i, n in enumerate(names)))
    store = Counting(memory)
    fleet = Fleet(store, clock, app_of(line))
    worker = fleet.worker()
    walk(fleet, worker)  # which also reads the plan, once for this process
    store.writes = store.statements = 0
    run_id = walk(fleet, worker)
    assert fleet.status(run_id) is R.COMPLETED
    assert store.writes == 7
    assert store.statements <= 46


def walk(fleet: Fleet, worker: Worker) -> str:
    """Start a run, and let one worker go on with it from step to step."""
    run_id = fleet.start("line")
    claim: Claim | None = worker.take()
    while claim is not None:
        done = worker.complete(claim, goes_on=True)
        claim = worker.follow(done=done)
    return run_id


class Counting:
    """A store that counts the statements and the rows of each write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.clock = store.clock
        self.statements = 0
        self.rows = 0
        self.writes = 0

    def write(self, operation: Any) -> Any:
        self.writes += 1
        return self._store.write(lambda session: operation(CountingSession(session, self)))

    def write_many(self, operations: Any) -> Any:
        return [self.write(operation) for operation in operations]

    def read(self, operation: Any) -> Any:
        return self._store.read(operation)

    @property
    def aside(self) -> Any:
        return self

    def writer_for(self, seconds: float, /) -> int | None:
        return self._store.writer_for(seconds)

    def disk_use(self) -> Size:
        return self._store.disk_use()

    def close(self) -> None:
        self._store.close()


class CountingSession:
    def __init__(self, session: Session, counts: Counting) -> None:
        self._session = session
        self._counts = counts

    def run(self, sql: str, *values: Any) -> None:
        self._counts.statements += 1
        self._session.run(sql, *values)

    def changed(self, sql: str, *values: Any) -> int:
        self._counts.statements += 1
        return self._session.changed(sql, *values)

    def one(self, sql: str, *values: Any) -> Any:
        self._counts.statements += 1
        return self._session.one(sql, *values)

    def all(self, sql: str, *values: Any) -> Any:
        self._counts.statements += 1
        found = self._session.all(sql, *values)
        self._counts.rows += len(found)
        return found


@pytest.mark.parametrize("end", ["completed", "undone"])
def test_work_per_branch_does_not_grow_with_their_number(clock: FakeClock, end: str) -> None:
    """Statements and rows, not seconds: they are the same on every machine."""
    wide = workflow("wide", step("pack", for_each="parameters.items", undo="unpack"))

    def cost(branches: int) -> tuple[float, float]:
        with closing(MemoryStore()) as memory:
            store = Counting(memory)
            fleet = Fleet(store, clock, app_of(wide))
            worker = fleet.worker(slots=8)
            run_id = fleet.start("wide", {"items": ["x" * 100] * branches})
            claims = [worker.take() for _ in range(branches)]
            for claim in claims[1:]:
                worker.complete(claim)
            if end == "undone":
                fleet.client.cancel(run_id)
            worker.complete(claims[0])
            fleet.work_off(worker)
            assert fleet.status(run_id).ended
            return store.statements / branches, store.rows / branches

    few, many = cost(250), cost(500)
    assert many[0] <= few[0] * 1.05
    assert many[1] <= few[1] * 1.05


def test_the_database_works_as_little_for_each_of_many_branches(clock: FakeClock) -> None:
    """Instructions of SQLite's machine, which also count the rows that it only looks at."""
    wide = workflow("wide", step("pack", for_each="parameters.items"))

    def cost(branches: int) -> float:
        with closing(Instructions()) as store:
            fleet = Fleet(store, clock, app_of(wide))
            worker = fleet.worker(slots=8)
            run_id = fleet.start("wide", {"items": [1] * branches})
            assert len(fleet.work_off(worker)) == branches
            assert fleet.status(run_id) is R.COMPLETED
            return store.hundreds / branches

    assert cost(4_000) <= cost(500) * 1.1


def test_a_jump_of_the_clock_costs_as_little_after_many_runs(clock: FakeClock) -> None:
    """What has ended has no timer: a laptop that wakes up does not rewrite its whole history."""
    wide = workflow("wide", step("pack", for_each="parameters.items"))

    def cost(ended: int) -> int:
        with closing(Instructions()) as store:
            fleet = Fleet(store, clock, app_of(wide))
            worker = fleet.worker(slots=8)
            for _ in range(ended):
                fleet.start("wide", {"items": [1] * 5})
                fleet.work_off(worker)
            before = store.hundreds
            store.write(lambda session: timers.shift(session, 60.0))
            return store.hundreds - before

    assert cost(300) <= cost(10) + 1


def test_a_bad_message_costs_as_little_after_many_others_of_its_sender(clock: FakeClock) -> None:
    """Whoever sends rubbish is answered ten times a minute, and must not keep the writer busy."""

    def cost(before: int) -> int:
        with closing(Instructions()) as store:
            fleet = Fleet(store, clock, app_of())
            letter = DeadLetter(reason="odd", detail="", routing_key="x", body=b"", sender="noisy")
            refuse = partial(intake.bury, letter=letter, answer=True, error=RejectedError("odd"))
            fleet.client.commit_many([refuse] * before)
            so_far = store.hundreds
            fleet.client.commit_many([refuse] * 10)
            return store.hundreds - so_far

    assert cost(2_000) <= cost(20) * 1.2


GUARDED = workflow("guarded", step("pay", approval=HOUR))


def test_an_answer_costs_as_little_beside_many_runs_that_wait_too(clock: FakeClock) -> None:
    """Once everybody has the alert, nobody needs to know how many still wait."""

    def cost(others: int) -> int:
        with closing(Instructions()) as store:
            fleet = Fleet(store, clock, app_of(GUARDED))
            answered, *_ = [fleet.start("guarded") for _ in range(1 + others)]
            (alert,) = store.write(lambda s: alerts.take(s, clock.now(), 9))
            store.write(lambda s: alerts.record_try(s, alert.id, [], None, None))
            before = store.hundreds
            fleet.client.reject(answered, "pay")
            return store.hundreds - before

    assert cost(300) <= cost(10) + 2


def test_an_answer_costs_as_little_after_many_runs_of_its_command(clock: FakeClock) -> None:
    def cost(past: int) -> int:
        with closing(Instructions()) as store:
            fleet = Fleet(store, clock, app_of(GUARDED))
            for _ in range(past):
                fleet.client.reject(fleet.start("guarded"), "pay")
            answered = fleet.start("guarded")
            before = store.hundreds
            fleet.client.reject(answered, "pay")
            return store.hundreds - before

    assert cost(300) <= cost(10) + 2


def test_what_waits_is_found_as_fast_beside_many_pending_runs(clock: FakeClock) -> None:
    def cost(pending: int) -> int:
        with closing(Instructions()) as store:
            fleet = Fleet(store, clock, app_of(GUARDED, workflow("plain", step("only"))))
            for _ in range(fleet.client.rules.slots + pending):
                fleet.start("plain")
            before = store.hundreds
            store.read(lambda s: approvals.everything(s, 10))
            return store.hundreds - before

    assert cost(300) <= cost(10) + 2


class Instructions(MemoryStore):
    """A store that counts, in hundreds, what SQLite does."""

    def __init__(self) -> None:
        super().__init__()
        self.hundreds = 0
        self._connection.set_progress_handler(self.count, 100)

    def count(self) -> int:
        self.hundreds += 1
        return 0
