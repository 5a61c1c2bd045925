from datetime import timedelta

from orchestration.ports import Session, Store
from orchestration.state import RunStatus, StepStatus
from orchestration.store import artifacts, queues, runs, sending, steps, tallies, timers, undo
from orchestration.store.steps import StepRow
from tests.store.rows import MINUTE, NOW, add_run, add_step, move_run, row, taken

S = StepStatus


def claimed(session: Session, branch: int = 0, owner: str = "w1", name: str = "packing") -> StepRow:
    """A running branch."""
    new = add_step(session, branch, step=name)
    sending.mark_sent(session, new, "publisher", NOW + MINUTE, 0)
    sent = row(session, step=name, branch=branch)
    steps.claim(session, taken(sent, owner))
    return row(session, step=name, branch=branch)


def test_a_new_branch_is_as_it_was_given(store: Store) -> None:
    def operation(session: Session) -> None:
        wait = add_step(session, 3, S.WAITING, item='{"sku": 1}', due_at=NOW + MINUTE, rank=7.5)
        assert wait.key == ("r1", "packing", 3)
        assert (wait.agent, wait.offer, wait.rank) == ("warehouse", "warehouse.pack@2", 7.5)
        assert (wait.status, wait.item, wait.opened_at) == (S.WAITING, '{"sku": 1}', NOW)
        assert (wait.due_at, wait.ended_at, wait.claimed_at) == (NOW + MINUTE, None, None)
        assert (wait.attempt, wait.failures, wait.losses, wait.sends) == (0, 0, 0, 0)
        assert (wait.owner, wait.fraction, wait.message, wait.unknown) == (None, 0, "", False)
        assert add_step(session, 4, S.SKIPPED).ended_at == NOW

    store.write(operation)


def test_an_unknown_branch_is_none(store: Store) -> None:
    assert store.read(lambda s: steps.get(s, "r1", "packing", 0)) is None


def test_an_empty_fan_out_is_no_branch(store: Store) -> None:
    def operation(session: Session) -> None:
        add_step(session, -1, S.SKIPPED)
        add_step(session, 0, step="other")
        assert [each.step for each in steps.of_run(session, "r1")] == ["other"]

    store.write(operation)


def test_a_branch_begins_as_what_it_is(store: Store) -> None:
    def operation(session: Session) -> None:
        add_run(session, "r1")
        held = taken(add_step(session, 5, step="other"))
        steps.insert(session, held._replace(branch=6))
        steps.insert(session, held._replace(branch=7, status=S.QUEUED, attempt=0))
        assert row(session, branch=6, step="other") == held._replace(branch=6)
        assert queues.counts(session) == {"warehouse": {"ready": 1, "queued": 1, "running": 1}}
        found = steps.get_with_run(session, ("r1", "other", 6))
        assert found == (held._replace(branch=6), runs.load(session, "r1"))
        assert steps.get_with_run(session, ("r1", "other", 8)) is None

    store.write(operation)


def test_what_is_sent_counts_as_ready(store: Store) -> None:
    def operation(session: Session) -> None:
        sending.mark_sent(session, add_step(session, 0), "publisher", NOW, 0)
        claimed(session, 1)
        add_step(session, 2)
        found = steps.in_status(session, "r1", "packing", S.READY)
        assert sorted(each.branch for each in found) == [0, 2]

    store.write(operation)


def test_branches_are_listed_as_they_were_opened(store: Store) -> None:
    def operation(session: Session) -> None:
        add_step(session, 0, now=NOW + MINUTE)
        add_step(session, 1, step="other")
        add_step(session, 0, step="other", status=S.HELD)
        keys = [each.key[1:] for each in steps.of_run(session, "r1")]
        assert keys == [("other", 0), ("other", 1), ("packing", 0)]
        held = steps.in_status(session, "r1", "other", S.HELD)
        assert [each.branch for each in held] == [0]

    store.write(operation)


class TestQueue:
    def test_what_is_ready_is_found_by_rank(self, store: Store) -> None:
        def operation(session: Session) -> None:
            add_step(session, 0, rank=9.0)
            add_step(session, 0, rank=1.0, run_id="r2")
            add_step(session, 1, S.HELD, rank=0.0)
            add_step(session, 2, rank=0.0, agent="elsewhere")
            assert [each.run_id for each in sending.ready(session, "warehouse", 9, None)] == [
                "r2",
                "r1",
            ]
            assert [each.run_id for each in sending.ready(session, "warehouse", 1, None)] == ["r2"]
            assert [each.run_id for each in sending.ready(session, "warehouse", 9, "r1")] == ["r1"]
            assert sorted(queues.ready(session)) == ["elsewhere", "warehouse"]
            assert queues.is_any_ready(session, "warehouse")
            assert not queues.is_any_ready(session, "nobody")

        store.write(operation)

    def test_what_is_queued_and_running_is_counted(self, store: Store) -> None:
        def operation(session: Session) -> None:
            claimed(session, 0)
            sending.mark_sent(session, add_step(session, 1), "publisher", NOW, 0)
            add_step(session, 2)
            counted = {"ready": 1, "queued": 1, "running": 1}
            assert queues.counts(session) == {"warehouse": counted}

        store.write(operation)

    def test_a_sent_branch_knows_its_sender_and_when_to_send_it_again(self, store: Store) -> None:
        def operation(session: Session) -> None:
            sending.mark_sent(session, add_step(session), "publisher", NOW + MINUTE, 3)
            sent = row(session)
            assert (sent.status, sent.owner, sent.sends) == (S.QUEUED, "publisher", 3)
            assert sent.due_at == NOW + MINUTE
            sending.resend(session, NOW)
            assert (row(session).due_at, row(session).sends) == (NOW, 0)

        store.write(operation)

    def test_resending_touches_only_what_is_queued(self, store: Store) -> None:
        def operation(session: Session) -> None:
            claimed(session)
            sending.resend(session, NOW)
            assert row(session).due_at == NOW + MINUTE

        store.write(operation)


class TestWakeUps:
    def test_the_most_overdue_comes_first(self, store: Store) -> None:
        def operation(session: Session) -> None:
            for branch, minutes in ((0, 3), (1, 1), (2, 2), (3, 9)):
                add_step(session, branch, S.WAITING, due_at=NOW + minutes * MINUTE)
            late = NOW + 5 * MINUTE
            assert [each[2] for each in steps.due(session, late, 9, None)] == [1, 2, 0]
            assert [each[2] for each in steps.due(session, late, 2, "r1")] == [1, 2]
            assert steps.due(session, late, 9, "r2") == []
            sending.mark_sent(session, row(session, branch=1), "publisher", NOW, 0)
            assert [each[2] for each in steps.due(session, late, 1, None)] == [1]
            found = steps.due(session, late, 9, None, queued=False)
            assert [each[2] for each in found] == [2, 0]

        store.write(operation)

    def test_one_look_tells_whether_anything_is_due(self, store: Store) -> None:
        def operation(session: Session) -> None:
            add_run(session, "r1")
            assert not steps.is_any_due(session, NOW, None)
            move_run(session, "r1", RunStatus.RUNNING)
            assert steps.is_any_due(session, NOW + 15 * MINUTE, None)
            assert not steps.is_any_due(session, NOW + 14 * MINUTE, None)
            add_step(session, due_at=NOW, status=S.WAITING)
            assert steps.is_any_due(session, NOW, "r1")
            assert not steps.is_any_due(session, NOW, "r2")

        store.write(operation)

    def test_every_timer_moves_with_the_clock(self, store: Store) -> None:
        def operation(session: Session) -> None:
            add_run(session, "r1")
            move_run(session, "r1", RunStatus.RUNNING)
            held = claimed(session)
            add_step(session, 1)
            timers.shift(session, 90.0)
            hop = timedelta(seconds=90)
            assert row(session).due_at == NOW + MINUTE + hop
            assert steps.deadline(session, held) == NOW + 10 * MINUTE + hop
            assert runs.get(session, "r1").due_at == NOW + 15 * MINUTE + hop
            move_run(session, "r1", RunStatus.PAUSED, NOW + hop + MINUTE)
            move_run(session, "r1", RunStatus.RUNNING, NOW + hop + MINUTE)
            assert runs.get(session, "r1").due_at == NOW + 15 * MINUTE + hop
            assert row(session, branch=1).due_at is None

        store.write(operation)


class TestAttempt:
    def test_a_claim_counts_the_attempt_and_forgets_the_last_ones_progress(
        self, store: Store
    ) -> None:
        def operation(session: Session) -> None:
            first = claimed(session)
            assert (first.status, first.owner, first.attempt) == (S.RUNNING, "w1", 1)
            assert (first.claimed_at, first.due_at) == (NOW, NOW + MINUTE)
            assert steps.deadline(session, first) == NOW + 10 * MINUTE
            steps.report(session, first, 0.5, "halfway", None)
            steps.release(session, first, S.READY, NOW)
            steps.claim(session, taken(row(session), "w2", NOW))
            again = row(session)
            assert (again.attempt, again.owner, again.fraction) == (2, "w2", 0)
            assert again.message == ""

        store.write(operation)

    def test_progress_puts_off_the_deadline_for_silence(self, store: Store) -> None:
        def operation(session: Session) -> None:
            held = claimed(session)
            steps.report(session, held, 0.25, "packing", NOW + 2 * MINUTE)
            told = row(session)
            assert (told.fraction, told.message, told.due_at) == (
                0.25,
                "packing",
                NOW + 2 * MINUTE,
            )
            steps.report(session, held, 0.5, "", None)
            assert row(session).due_at == NOW + 2 * MINUTE
            claimed(session, 1)
            steps.report(session, row(session, branch=1), 0.25, "", None)
            assert tallies.fractions(session, "r1") == {"packing": 0.75}

        store.write(operation)

    def test_a_completed_branch_belongs_to_nobody_and_has_its_result(self, store: Store) -> None:
        def operation(session: Session) -> None:
            held = claimed(session)
            steps.mark_unknown(session, held)
            steps.complete(session, held, NOW + MINUTE, ('{"n": 1}', None), 0)
            done = row(session)
            assert (done.status, done.owner, done.due_at) == (S.COMPLETED, None, None)
            assert (done.ended_at, done.unknown, done.error) == (NOW + MINUTE, False, None)
            assert queues.look(session, "warehouse").busy == 0
            assert artifacts.result(session, "r1", "packing") == [{"n": 1}]

        store.write(operation)

    def test_a_branch_that_is_left_waits_where_it_should(self, store: Store) -> None:
        def operation(session: Session) -> None:
            held = claimed(session)
            steps.release(session, held, S.BACKOFF, NOW, NOW + MINUTE)
            back = row(session)
            assert (back.status, back.owner, back.due_at) == (S.BACKOFF, None, NOW + MINUTE)
            assert steps.deadline(session, held) is None
            assert queues.ready(session) == []
            steps.release(session, held, S.READY, NOW)
            assert queues.ready(session) == ["warehouse"]
            steps.release(session, held, S.CANCELLED, NOW)
            assert row(session).ended_at == NOW

        store.write(operation)

    def test_failures_and_losses_are_counted_apart_until_they_are_forgiven(
        self, store: Store
    ) -> None:
        def operation(session: Session) -> None:
            held = claimed(session)
            steps.count_failure(session, held, '"raised"', unknown=False)
            assert (row(session).failures, row(session).unknown) == (1, False)
            steps.count_failure(session, row(session), '"late"', unknown=True)
            steps.count_loss(session, held, '"died"')
            told = row(session)
            assert (told.failures, told.losses, told.unknown, told.error) == (2, 1, True, '"died"')
            steps.count_failure(session, told, '"raised"', unknown=False)
            assert row(session).unknown
            steps.forgive(session, "r1", "packing")
            assert row(session).failures == 3
            steps.release(session, held, S.HELD, NOW)
            steps.forgive(session, "r1", "packing")
            told = row(session)
            assert (told.failures, told.losses, told.error, told.unknown) == (0, 0, None, True)

        store.write(operation)

    def test_a_worker_finds_what_it_owns(self, store: Store) -> None:
        def operation(session: Session) -> None:
            mine = claimed(session, 0, "w1")
            claimed(session, 1, "w2")
            assert steps.owned_by(session, "w1", None) == [mine.key]
            assert steps.owned_by(session, "w1", "r1") == [mine.key]
            assert steps.owned_by(session, "w1", "r2") == []
            assert steps.held_by(session, "w1") == [(mine.key, mine.attempt)]

        store.write(operation)

    def test_a_message_that_it_sent_is_its_own_and_no_attempt(self, store: Store) -> None:
        def operation(session: Session) -> None:
            mine = claimed(session, 0, "w1")
            session.run("UPDATE steps SET status = 'queued' WHERE branch = 0")
            assert steps.owned_by(session, "w1", None) == [mine.key]
            assert steps.held_by(session, "w1") == []

        store.write(operation)


class TestUndo:
    def test_what_may_have_had_effects_is_undone_the_latest_first(self, store: Store) -> None:
        def operation(session: Session) -> None:
            for order, branch in enumerate((2, 0, 1)):
                steps.complete(session, claimed(session, branch), NOW, ("1", None), order)
            unknown = claimed(session, 3)
            steps.mark_unknown(session, unknown)
            steps.release(session, unknown, S.CANCELLED, NOW)
            add_step(session, 4, S.CANCELLED)
            steps.complete(session, claimed(session, name="other"), NOW, ("1", None), 3)
            steps.complete(session, add_step(session, 1, step="other"), NOW, ("1", None), 4)
            left = [("packing", 3), ("packing", 1), ("packing", 0), ("packing", 2)]
            assert undo.undoable(session, "r1", ["packing"], 9) == left
            assert undo.undoable(session, "r1", ["packing"], 2) == left[:2]
            assert undo.undoable(session, "r1", ["packing", "other"], 9)[1] == ("other", 0)
            add_step(session, 3, step="undo.packing")
            assert undo.undoable(session, "r1", ["packing"], 9) == left[1:]

        store.write(operation)


class TestResults:
    def test_they_come_in_the_order_of_their_branches(self, store: Store) -> None:
        def operation(session: Session) -> None:
            body = b'"' + b"x" * (artifacts.CHUNK + 7) + b'"'
            name = artifacts.digest(body)
            for number, chunk in artifacts.chunks(body):
                artifacts.put(session, "r1", name, number, chunk)
                artifacts.put(session, "r1", name, number, chunk)
            steps.complete(session, claimed(session, 2), NOW, (None, name), 0)
            steps.complete(session, claimed(session, 0), NOW, ("[1]", None), 1)
            failed = claimed(session, 1)
            steps.count_failure(session, failed, '{"type": "Oops"}', unknown=False)
            steps.release(session, failed, S.FAILED, NOW)
            add_step(session, 3, S.SKIPPED)
            first, error, large, skipped = artifacts.result(session, "r1", "packing")
            assert (first, error, skipped) == ([1], {"error": {"type": "Oops"}}, None)
            assert large == "x" * (artifacts.CHUNK + 7)
            assert artifacts.get(session, "r1", name) == body

        store.write(operation)

    def test_an_empty_fan_out_has_an_empty_list(self, store: Store) -> None:
        store.write(lambda s: add_step(s, -1, S.SKIPPED))
        assert store.read(lambda s: artifacts.result(s, "r1", "packing")) == []
