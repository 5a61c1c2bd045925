"""The tables `agents`, `workers` and `slots`: who is there, and what it can do."""

from datetime import datetime

from orchestration.ports import Session, Store
from orchestration.store import (
    agents,
    attempts,
    queues,
    retention,
    workers,
)
from orchestration.store.workers import NewWorker
from tests.store.rows import MINUTE, NOW, add_run
from tests.store.test_steps_table import claimed


def worker(name: str = "w1", **slots: int) -> NewWorker:
    return NewWorker(
        id=name,
        host="here",
        pid=7,
        release="1.0",
        offers=["b.x@1", "a.x@1"],
        transport="amqp://here",
        slots=slots,
    )


def forget(session: Session, since: datetime) -> int:
    """Forget what belongs to no run and is older; how many rows that was."""
    return retention.forget_old(session, retention.keep(session, since, 100), 9)


class TestAgents:
    def test_a_heartbeat_registers_an_unknown_agent(self, store: Store) -> None:
        store.write(lambda s: agents.beat(s, "guest", "running", {"cpu": 0.5}, NOW))
        (guest,) = store.read(agents.everyone)
        assert (guest.name, guest.status, guest.last_heartbeat) == ("guest", "running", NOW)
        assert (guest.metrics, guest.capabilities, guest.max_concurrent) == ({"cpu": 0.5}, [], None)
        assert (guest.error_count, guest.last_error, guest.circuit) == (0, None, "closed")
        assert not guest.paused

    def test_what_is_declared_and_what_is_beaten_do_not_disturb_each_other(
        self, store: Store
    ) -> None:
        def operation(session: Session) -> None:
            agents.declare(session, "warehouse", 4, ["packs"])
            assert agents.everyone(session)[0].last_heartbeat is None
            agents.beat(session, "warehouse", "running", {"cpu": 1}, NOW)
            agents.declare(session, "warehouse", None, ["packs", "ships"])
            (known,) = agents.everyone(session)
            assert (known.max_concurrent, known.capabilities) == (None, ["packs", "ships"])
            assert (known.status, known.metrics) == ("running", {"cpu": 1})

        store.write(operation)

    def test_a_heartbeat_of_whom_nobody_knows_is_not_written_again(self, store: Store) -> None:
        def operation(session: Session) -> None:
            assert not agents.beat_again(session, "guest", "running", {"cpu": 1}, NOW)
            assert agents.everyone(session) == []
            agents.beat(session, "guest", "running", {"cpu": 1}, NOW)
            assert agents.beat_again(session, "guest", "busy", None, NOW + MINUTE)
            (guest,) = agents.everyone(session)
            assert (guest.status, guest.metrics) == ("busy", {"cpu": 1})
            assert guest.last_heartbeat == NOW + MINUTE

        store.write(operation)

    def test_errors_are_counted_and_silence_is_marked(self, store: Store) -> None:
        def operation(session: Session) -> None:
            agents.declare(session, "b", None, [])
            agents.declare(session, "a", None, [])
            agents.count_error(session, "a", "first")
            agents.count_error(session, "a", "second")
            agents.mark_silent(session, "a", NOW)
            first, second = agents.everyone(session)
            assert (first.error_count, first.last_error, first.status) == (2, "second", "silent")
            assert (second.name, second.error_count) == ("b", 0)

        store.write(operation)


class TestWorkers:
    def test_a_worker_that_joins_is_present_with_its_slots(self, store: Store) -> None:
        def operation(session: Session) -> None:
            workers.join(session, worker(warehouse=4), NOW)
            workers.join(session, worker("w2", warehouse=2, office=1), NOW)
            first = workers.get(session, "w1")
            assert first is not None
            assert (first.host, first.pid, first.release) == ("here", 7, "1.0")
            assert (first.offers, first.transport) == (frozenset({"a.x@1", "b.x@1"}), "amqp://here")
            assert (first.beat, first.beat_at, first.started_at) == (0, NOW, NOW)
            assert (first.draining, first.left_at) == (False, None)
            assert {each.id for each in workers.present(session)} == {"w1", "w2"}
            assert queues.look(session, "warehouse").slots == 6
            assert queues.look(session, "nobody").slots == 0
            assert workers.get(session, "w3") is None

        store.write(operation)

    def test_stillness_is_noted_for_one_beat_and_only_grows(self, store: Store) -> None:
        def operation(session: Session) -> None:
            workers.join(session, worker(warehouse=4), NOW)
            (seen,) = workers.present(session)
            assert seen.still_s == 0
            for noted, kept in ((4.0, 4.0), (3.0, 4.0), (6.5, 6.5)):
                workers.note_still(session, seen, noted)
                assert workers.present(session)[0].still_s == kept
            workers.beat(session, "w1", NOW)
            workers.note_still(session, seen, 9.0)
            (beating,) = workers.present(session)
            assert beating.still_s == 0
            workers.note_still(session, beating, 3.0)
            assert workers.present(session)[0].still_s == 3.0

        store.write(operation)

    def test_each_beat_is_counted_until_the_worker_is_declared_gone(self, store: Store) -> None:
        def operation(session: Session) -> None:
            workers.join(session, worker(warehouse=4), NOW)
            assert workers.beat(session, "w1", NOW + MINUTE)
            assert [(each.beat, each.beat_at) for each in workers.present(session)] == [
                (1, NOW + MINUTE)
            ]
            workers.leave(session, "w1", NOW + 2 * MINUTE)
            workers.leave(session, "w1", NOW + 9 * MINUTE)
            assert not workers.beat(session, "w1", NOW + 3 * MINUTE)
            assert workers.present(session) == []
            assert queues.look(session, "warehouse").slots == 0
            gone = workers.get(session, "w1")
            assert gone is not None
            assert gone.left_at == NOW + 2 * MINUTE

        store.write(operation)

    def test_silence_takes_the_slots_and_a_beat_gives_them_back(self, store: Store) -> None:
        def operation(session: Session) -> None:
            workers.join(session, worker(warehouse=4), NOW)
            assert not workers.restore(session, worker(warehouse=4))
            workers.silence(session, "w1")
            assert queues.look(session, "warehouse").slots == 0
            assert workers.restore(session, worker(warehouse=4))
            assert queues.look(session, "warehouse").slots == 4
            assert not workers.restore(session, worker("w2"))

        store.write(operation)

    def test_a_draining_worker_keeps_none(self, store: Store) -> None:
        def operation(session: Session) -> None:
            workers.join(session, worker(warehouse=4), NOW)
            workers.drain(session, "w1")
            assert workers.present(session)[0].draining
            assert not workers.restore(session, worker(warehouse=4))
            assert queues.look(session, "warehouse").slots == 0

        store.write(operation)

    def test_a_worker_that_a_kept_attempt_names_is_kept(self, store: Store) -> None:
        def operation(session: Session) -> None:
            for name in ("w1", "w2", "w3"):
                workers.join(session, worker(name), NOW)
            add_run(session, "r1")
            attempts.archive(session, claimed(session), "lost", NOW, "null", acting=False)
            workers.leave(session, "w1", NOW)
            workers.leave(session, "w2", NOW)
            assert forget(session, NOW) == 0
            assert forget(session, NOW + MINUTE) == 1
            assert workers.get(session, "w1") is not None
            assert workers.get(session, "w2") is None

        store.write(operation)

    def test_who_left_is_not_looked_for_while_runs_are_there_that_are_too_old(
        self, store: Store
    ) -> None:
        def operation(session: Session) -> None:
            workers.join(session, worker("w1"), NOW)
            workers.leave(session, "w1", NOW)
            add_run(session, "old")
            session.run("UPDATE runs SET ended_at = ?", NOW.timestamp())
            assert forget(session, NOW + MINUTE) == 0
            session.run("DELETE FROM runs")
            assert forget(session, NOW + MINUTE) > 0
            assert workers.get(session, "w1") is None

        store.write(operation)
