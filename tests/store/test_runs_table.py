from datetime import datetime, timedelta
from functools import partial

import pytest

from orchestration.errors import NotFoundError
from orchestration.ports import Session, Store
from orchestration.state import RunStatus, StepStatus
from orchestration.store import (
    artifacts,
    attempts,
    events,
    outcomes,
    retention,
    runs,
    slot_queue,
    steps,
    timers,
)
from tests.store.rows import MINUTE, NOW, PLAN, add_run, add_step, move_run

R, S = RunStatus, StepStatus


def test_a_new_run_is_pending_and_has_its_plan(store: Store) -> None:
    store.write(lambda s: add_run(s, "r1", correlation_id="c1", parameters='{"skus": []}'))
    row = store.read(lambda s: runs.get(s, "r1"))
    assert (row.status, row.generation, row.progress, row.ending) == (R.PENDING, 1, 0, None)
    assert (row.command, row.sender, row.correlation_id) == ("restock", "management", "c1")
    assert (row.created_at, row.started_at, row.ended_at, row.due_at) == (NOW, None, None, None)
    assert row.plan == PLAN
    assert row.parameters == '{"skus": []}'


def test_runs_of_one_plan_share_its_row(store: Store) -> None:
    for run_id in ("r1", "r2"):
        store.write(partial(add_run, run_id=run_id))
    assert store.read(lambda s: s.one("SELECT COUNT(*) FROM plans")) == (1,)


def test_a_run_is_loaded_with_its_tallies(store: Store) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        run = runs.load(session, "r1")
        assert (run.plan, run.status, run.ending, run.tallies) == (PLAN, R.PENDING, None, {})
        tallies = {"packing": {S.READY: 1, S.SKIPPED: 9}, "undo.packing": {S.RUNNING: 1}, "e": {}}
        runs.recount(session, run._replace(tallies=tallies))
        assert runs.load(session, "r1").tallies == tallies

    store.write(operation)


@pytest.mark.parametrize("look", [runs.load, runs.get, runs.status])
def test_an_unknown_run_is_not_found(store: Store, look: type) -> None:
    with pytest.raises(NotFoundError, match=r"no workflow r1: `orchestrate workflows list`"):
        store.read(lambda s: look(s, "r1"))


def test_a_short_id_that_is_unknown_may_have_to_be_written_whole() -> None:
    for short in ("f2fe76a7", "job_f2fe", "job"):
        assert "behind ORCHESTRATION_URL an id is written whole" in str(runs.missing(short))
    assert "ORCHESTRATION_URL" not in str(runs.missing("job_0123456789ab"))


def test_only_time_as_running_counts(store: Store) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        move_run(session, "r1", R.RUNNING, NOW)
        assert runs.get(session, "r1").due_at == NOW + 15 * MINUTE
        move_run(session, "r1", R.PAUSED, NOW + 5 * MINUTE)
        assert runs.get(session, "r1").due_at is None
        move_run(session, "r1", R.RUNNING, NOW + 60 * MINUTE)
        row = runs.get(session, "r1")
        assert (row.started_at, row.due_at) == (NOW, NOW + 70 * MINUTE)
        assert timers.due_runs(session, NOW + 70 * MINUTE, 9, None) == ["r1"]
        assert timers.due_runs(session, NOW + 70 * MINUTE, 9, "r2") == []
        assert timers.due_runs(session, NOW + 69 * MINUTE, 9, None) == []

    store.write(operation)


def test_an_ended_run_keeps_its_time_until_it_is_retried(store: Store) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        move_run(session, "r1", R.UNDOING, NOW, ending=R.CANCELLED)
        assert runs.get(session, "r1").ending is R.CANCELLED
        assert runs.load(session, "r1").ending is R.CANCELLED
        move_run(session, "r1", R.CANCELLED, NOW + MINUTE)
        runs.set_reason(session, "r1", "somebody wanted it")
        row = runs.get(session, "r1")
        assert (row.ended_at, row.ending, row.reason) == (NOW + MINUTE, None, "somebody wanted it")
        move_run(session, "r1", R.PENDING, NOW + 2 * MINUTE, generation=2)
        row = runs.get(session, "r1")
        assert (row.ended_at, row.reason, row.generation) == (None, None, 2)

    store.write(operation)


def test_a_retried_run_has_its_whole_time_again(store: Store) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        move_run(session, "r1", R.RUNNING, NOW)
        move_run(session, "r1", R.FAILED, NOW + 14 * MINUTE)
        move_run(session, "r1", R.PENDING, NOW + 20 * MINUTE, generation=2)
        move_run(session, "r1", R.RUNNING, NOW + 20 * MINUTE)
        assert runs.get(session, "r1").due_at == NOW + 35 * MINUTE

    store.write(operation)


def test_progress_never_falls(store: Store) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        run = runs.load(session, "r1")
        for done in (0.1, 0.0):
            runs.save(session, run, run, done, NOW, 15 * MINUTE)
        assert runs.get(session, "r1").progress == pytest.approx(0.1)
        for progress, kept in ((0.4, 0.4), (0.2, 0.4), (0.9, 0.9)):
            runs.advance(session, "r1", progress)
            assert runs.get(session, "r1").progress == pytest.approx(kept)

    store.write(operation)


def test_the_next_run_is_the_oldest_where_a_minute_is_worth_one_priority(store: Store) -> None:
    def operation(session: Session) -> list[str]:
        add_run(session, "normal", NOW)
        add_run(session, "low but old", NOW - 3 * MINUTE, priority=1)
        add_run(session, "high", NOW + MINUTE / 2, priority=3)
        add_run(session, "system", NOW, needs_slot=False)
        add_run(session, "running", NOW - 9 * MINUTE)
        move_run(session, "running", R.RUNNING)
        add_run(session, "approved", NOW + 9 * MINUTE)
        slot_queue.move_to_head(session, "approved")
        assert runs.load(session, "approved").rank == slot_queue.HEAD

        def pending(limit: int, scope: str | None = None, *, needs_slot: bool = True) -> list[str]:
            found = slot_queue.next_pending(session, limit, needs_slot=needs_slot, scope=scope)
            assert found == [runs.load(session, run.id) for run in found]
            return [run.id for run in found]

        assert pending(1) == ["approved"]
        assert pending(9, "high") == ["high"]
        assert pending(9, needs_slot=False) == ["system"]
        return pending(9)

    assert store.write(operation) == ["approved", "low but old", "high", "normal"]


def test_slots_are_counted_from_the_runs(store: Store) -> None:
    def operation(session: Session) -> None:
        for name, needs_slot, since in (("late", True, 2), ("early", True, 1), ("sys", False, 0)):
            add_run(session, name, needs_slot=needs_slot)
            move_run(session, name, R.RUNNING, NOW + since * MINUTE)
        add_run(session, "pending", sender="other")
        assert slot_queue.slots_taken(session) == 2
        assert slot_queue.slot_holders(session) == ["early", "late"]
        assert slot_queue.pending_of(session, "other") == 1
        assert slot_queue.pending_of(session, "management") == 0
        assert runs.counts(session, 10) == {"running": 3, "pending": 1}
        assert runs.status(session, "early") is R.RUNNING

    store.write(operation)


def test_of_ended_runs_some_are_counted_and_all_that_live(store: Store) -> None:
    def operation(session: Session) -> None:
        for number in range(5):
            add_run(session, f"done {number}")
            move_run(session, f"done {number}", R.COMPLETED)
            add_run(session, f"open {number}")
        add_run(session, "failed")
        move_run(session, "failed", R.FAILED, NOW + MINUTE)
        assert runs.counts(session, 3) == {"completed": 3, "failed": 1, "pending": 5}
        assert runs.counts(session, 10) == {"completed": 5, "failed": 1, "pending": 5}
        assert outcomes.newest(session, 10) == {"completed": 5, "failed": 1}
        assert outcomes.newest(session, 1) == {"failed": 1}

    store.write(operation)


def test_the_newest_runs_come_first(store: Store) -> None:
    def operation(session: Session) -> None:
        for number in range(4):
            add_run(session, f"r{number}", NOW + number * MINUTE)
        move_run(session, "r2", R.RUNNING)
        assert [row.id for row in runs.newest(session, 2)] == ["r3", "r2"]
        assert [row.id for row in runs.newest(session, 9, ["pending"])] == ["r3", "r1", "r0"]
        assert [row.id for row in runs.newest(session, 9, ["running", "paused"])] == ["r2"]
        assert len(runs.newest(session, 9, command="restock")) == 4
        assert runs.newest(session, 9, command="other") == []

    store.write(operation)


class TestForgetting:
    def ended(self, session: Session, count: int, apart: timedelta) -> None:
        for number in range(count):
            add_run(session, f"r{number}")
            move_run(session, f"r{number}", R.COMPLETED, NOW + number * apart)

    def old(self, session: Session, since: datetime, most: int, limit: int) -> list[str]:
        return retention.ended(session, retention.keep(session, since, most), limit)

    def test_what_ended_long_ago_goes_first(self, store: Store) -> None:
        def operation(session: Session) -> None:
            self.ended(session, 5, MINUTE)
            add_run(session, "alive", NOW - 99 * MINUTE)
            before = NOW + 2 * MINUTE
            assert self.old(session, before, 100, 9) == ["r0", "r1", "r2"]
            assert self.old(session, before, 100, 2) == ["r0", "r1"]

        store.write(operation)

    def test_the_newest_are_kept_and_no_more(self, store: Store) -> None:
        def operation(session: Session) -> None:
            self.ended(session, 5, MINUTE)
            assert self.old(session, NOW - MINUTE, 2, 9) == ["r0", "r1", "r2"]
            assert self.old(session, NOW - MINUTE, 5, 9) == []

        store.write(operation)

    def test_runs_that_ended_together_are_not_all_beyond_the_newest(self, store: Store) -> None:
        def operation(session: Session) -> None:
            self.ended(session, 5, timedelta(0))
            assert self.old(session, NOW - MINUTE, 2, 9) == ["r0", "r1", "r2"]

        store.write(operation)

    def test_a_deleted_run_takes_everything_along(self, store: Store) -> None:
        def operation(session: Session) -> None:
            add_run(session, "r1")
            add_run(session, "r2")
            row = add_step(session)
            attempts.archive(session, row, "lost", NOW, "null", acting=False)
            events.add(session, "r1", NOW, "run.pending")
            artifacts.put(session, "r1", "name", 0, b"body")
            assert retention.forget_run(session, "r1", 3) == 3
            assert [each.id for each in runs.newest(session, 9)] == ["r2"]
            assert retention.remains(session, 9) == ["r1"]
            assert [retention.forget_run(session, "r1", 3) for _ in range(2)] == [2, 0]
            assert retention.remains(session, 9) == []
            assert steps.of_run(session, "r1") == []
            assert attempts.of_run(session, "r1") == []
            assert events.after(session, 0, 9) == []
            assert artifacts.get(session, "r1", "name") == b""
            assert [each.id for each in runs.newest(session, 9)] == ["r2"]

        store.write(operation)
