"""None"""

import pytest

from orchestration.errors import NotFoundError
from orchestration.ports import Session, Store
from orchestration.store import (
    attempts,
    audit,
    commands,
    control,
    events,
    outbox,
    schedules,
)
from orchestration.store.commands import KEPT, Seen
from orchestration.store.schedules import ScheduleRow
from tests.store.rows import MINUTE, NOW, add_step, row
from tests.store.test_steps_table import claimed


class TestAttempts:
    def test_what_did_not_complete_is_kept(self, store: Store) -> None:
        def operation(session: Session) -> None:
            held = claimed(session)
            attempts.archive(session, held, "failed", NOW + MINUTE, '"oops"', acting=False)
            (kept,) = attempts.of_run(session, "r1")
            assert (kept.step, kept.branch, kept.attempt) == ("packing", 0, 1)
            assert (kept.outcome, kept.worker, kept.acting) == ("failed", "w1", False)
            assert (kept.started_at, kept.ended_at) == (NOW, NOW + MINUTE)
            assert (kept.fraction, kept.message, kept.error) == (0, "", '"oops"')

        store.write(operation)

    def test_an_attempt_may_act_until_its_holder_says_it_stopped(self, store: Store) -> None:
        def operation(session: Session) -> None:
            key = ("r1", "packing", 0)
            attempts.archive(session, claimed(session), "timed_out", NOW, "null", acting=True)
            assert attempts.acting(session, "r1") == [("packing", 0, "w1")]
            assert attempts.held_by(session, "w1") == [(key, 1)]
            assert not attempts.settle(session, key, 1, "w2")
            assert not attempts.settle(session, key, 2, "w1")
            assert attempts.settle(session, key, 1, "w1")
            assert not attempts.settle(session, key, 1, "w1")
            assert attempts.acting(session, "r1") == []
            assert attempts.held_by(session, "w1") == []

        store.write(operation)

    def test_a_dead_worker_acts_no_longer(self, store: Store) -> None:
        def operation(session: Session) -> None:
            for branch, owner in ((0, "w1"), (1, "w1"), (2, "w2")):
                held = claimed(session, branch, owner)
                attempts.archive(session, held, "lost", NOW, "null", acting=True)
            assert attempts.settle_all(session, "w1", "r2") == []
            assert attempts.settle_all(session, "w1", None) == ["r1"]
            assert attempts.settle_all(session, "w1", None) == []
            assert attempts.acting(session, "r1") == [("packing", 2, "w2")]
            assert attempts.settle_all(session, "w2", "r1") == ["r1"]

        store.write(operation)

    def test_an_attempt_that_was_never_claimed_has_no_worker(self, store: Store) -> None:
        def operation(session: Session) -> None:
            add_step(session)
            attempts.archive(session, row(session), "cancelled", NOW, "null", acting=True)
            (kept,) = attempts.of_run(session, "r1")
            assert (kept.worker, kept.acting, kept.started_at) == ("", False, NOW)

        store.write(operation)


class TestCommands:
    def test_a_key_is_known_for_its_sender_until_its_time_is_over(self, store: Store) -> None:
        def operation(session: Session) -> None:
            commands.remember(session, "a", "k", Seen("digest", "r1"), NOW)
            commands.remember(session, "b", "k", Seen("digest", "r2"), NOW + MINUTE)
            assert commands.find(session, "a", "k") == Seen("digest", "r1")
            assert commands.find(session, "a", "other") is None
            assert commands.forget(session, NOW + KEPT, 9) == 0
            assert commands.forget(session, NOW + KEPT + MINUTE / 2, 9) == 1
            assert commands.find(session, "a", "k") is None
            assert commands.find(session, "b", "k") == Seen("digest", "r2")

        store.write(operation)

    def test_keys_are_forgotten_in_batches(self, store: Store) -> None:
        def operation(session: Session) -> None:
            for number in range(5):
                commands.remember(session, "a", str(number), Seen("d", "r"), NOW)
            late = NOW + KEPT + MINUTE
            assert [commands.forget(session, late, 2) for _ in range(4)] == [2, 2, 1, 0]

        store.write(operation)


class TestControl:
    def test_a_store_keeps_the_id_it_was_first_given(self, store: Store) -> None:
        assert store.write(lambda s: control.ensure(s, "first")) == "first"
        assert store.write(lambda s: control.ensure(s, "second")) == "first"

    def test_the_one_row_holds_what_is_agreed(self, store: Store) -> None:
        def operation(session: Session) -> None:
            assert control.transport(session) is None
            assert control.swept_at(session) == 0
            control.ensure(session, "id")
            control.set_transport(session, "amqp://here")
            assert control.transport(session) == "amqp://here"
            control.mark_swept(session, NOW)
            assert control.swept_at(session) == NOW.timestamp()
            assert control.clock_offset(session, "boot") is None
            control.set_clock_offset(session, "boot", 12.5)
            assert control.clock_offset(session, "boot") == 12.5
            assert control.clock_offset(session, "another boot") is None

        store.write(operation)


class TestEvents:
    def test_they_come_in_order_and_from_where_one_left_off(self, store: Store) -> None:
        def operation(session: Session) -> None:
            events.add(session, "r1", NOW, "run.pending")
            events.add(session, "r2", NOW, "run.pending")
            events.add(session, "r1", NOW + MINUTE, "step.failed", ("packing", 3), "oops")
            every = events.after(session, 0, 9)
            assert [each.run_id for each in every] == ["r1", "r2", "r1"]
            last = every[-1]
            assert (last.kind, last.step, last.branch) == ("step.failed", "packing", 3)
            assert (last.detail, last.at) == ("oops", NOW + MINUTE)
            assert events.after(session, every[0].id, 1) == [every[1]]
            assert events.after(session, every[0].id, 9, "r1") == [last]
            assert events.newest(session, 2) == [last, every[1]]
            assert events.newest(session, 9, "r2") == [every[1]]

        store.write(operation)


class TestAudit:
    def test_what_people_did_is_kept(self, store: Store) -> None:
        store.write(lambda s: audit.add(s, NOW, "ann", "cancel", "r1"))
        kept = store.read(lambda s: s.one("SELECT at, actor, action, subject FROM audit"))
        assert kept == (NOW.timestamp(), "ann", "cancel", "r1")


class TestSchedules:
    def schedule(self, name: str = "nightly", minutes: int = 5) -> ScheduleRow:
        return ScheduleRow(
            *(name, "health_check", "{}", "0 3 * * *", "Europe/Berlin", "skip"),
            *(False, NOW + minutes * MINUTE, None, NOW),
        )

    def test_a_name_is_taken_once(self, store: Store) -> None:
        def operation(session: Session) -> None:
            assert schedules.insert(session, self.schedule())
            assert not schedules.insert(session, self.schedule(minutes=9))
            assert schedules.get(session, "nightly") == self.schedule()
            schedules.insert(session, self.schedule("earlier", 1))
            assert [each.name for each in schedules.everyone(session)] == ["earlier", "nightly"]

        store.write(operation)

    def test_each_time_fires_once_whoever_sees_it(self, store: Store) -> None:
        def operation(session: Session) -> None:
            schedules.insert(session, self.schedule())
            schedules.insert(session, self.schedule("later", 9))
            assert schedules.due(session, NOW) == []
            (due,) = schedules.due(session, NOW + 5 * MINUTE)
            following = NOW + 60 * MINUTE
            assert schedules.fire(session, due, following)
            assert not schedules.fire(session, due, following)
            schedules.record(session, "nightly", "r1")
            fired = schedules.get(session, "nightly")
            assert (fired.next_at, fired.last_run) == (following, "r1")
            assert schedules.fire(session, fired, None)
            fired = schedules.get(session, "nightly")
            assert (fired.next_at, fired.last_run) == (None, "r1")

        store.write(operation)

    def test_a_paused_schedule_is_never_due(self, store: Store) -> None:
        def operation(session: Session) -> None:
            schedules.insert(session, self.schedule())
            schedules.pause(session, "nightly", paused=True, next_at=None)
            assert schedules.due(session, NOW + 99 * MINUTE) == []
            assert schedules.get(session, "nightly").paused
            schedules.pause(session, "nightly", paused=False, next_at=NOW)
            assert [each.name for each in schedules.due(session, NOW)] == ["nightly"]

        store.write(operation)

    def test_a_forgotten_schedule_is_not_found(self, store: Store) -> None:
        def operation(session: Session) -> None:
            schedules.insert(session, self.schedule())
            schedules.delete(session, "nightly")
            with pytest.raises(NotFoundError, match=r"`orchestrate schedules list`"):
                schedules.get(session, "nightly")

        store.write(operation)


class TestOutbox:
    def test_lanes_are_found_by_name_and_each_gives_its_oldest_rows(self, store: Store) -> None:
        def operation(session: Session) -> None:
            for number in range(3):
                for lane in ("c", "a", "b"):
                    outbox.say(session, f"{lane}{number}", f"response.{lane}", "{}", NOW, None)
            outbox.say(session, "stop:1:x", "command.x", "{}", NOW, None, urgent=True)
            outbox.say(session, "a0", "response.other", "{}", NOW, None)
            assert outbox.lanes(session, "", 10) == ["a", "b", "c"]
            assert outbox.lanes(session, "", 2) == ["a", "b"]
            assert outbox.lanes(session, "b", 10) == ["c"]
            assert outbox.lanes(session, "c", 10) == []
            assert [each.topic for each in outbox.first_of(session, "b", 2)] == ["b0", "b1"]
            (urgent,) = outbox.urgent(session, 10)
            assert (urgent.topic, urgent.lane) == ("stop:1:x", "stop:1:x")
            said = outbox.first_of(session, "b", 2)[0]
            outbox.said(session, [(said.id, said.version + 1)])
            assert len(outbox.first_of(session, "b", 9)) == 3, "there is more to say on its topic"
            outbox.said(session, [(said.id, said.version)])
            assert [each.topic for each in outbox.first_of(session, "b", 9)] == ["b1", "b2"]
            assert not outbox.is_empty(session)

        store.write(operation)
