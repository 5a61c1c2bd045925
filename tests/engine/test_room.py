"""Which steps are sent, and when: room in queues, versions, and messages that get lost."""

from datetime import timedelta

import pytest

from orchestration.engine import Engine, Transaction
from orchestration.engine.submit import submit
from orchestration.state import RunStatus, StepStatus
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import MINUTE, SECOND, Fleet, ListTransport, app_of, step, workflow

R, S = RunStatus, StepStatus
CHAIN = workflow("chain", step("first"), step("second", "first"))
WIDE = workflow("wide", step("act", for_each="parameters.items"))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    return fleet_of(CHAIN, WIDE)


class TestRoomInQueues:
    def test_twice_the_slots_may_be_sent_and_unclaimed(self, fleet: Fleet) -> None:
        worker = fleet.worker(slots=3)
        run_id = fleet.start("wide", {"items": list(range(20))})
        assert len(fleet.transport.messages) == 6
        for sent in range(7, 21):
            worker.claim(fleet.transport.messages[sent - 7])
            assert len(fleet.transport.messages) == sent
        assert set(fleet.steps(run_id).values()) == {S.RUNNING, S.QUEUED}

    def test_nothing_is_sent_where_nobody_works_until_somebody_comes(self, fleet: Fleet) -> None:
        run_id = fleet.start("chain")
        assert fleet.transport.messages == []
        assert fleet.row(run_id, "first").status is S.READY
        fleet.worker("office", queues={"office": 4})
        assert fleet.transport.messages == []
        fleet.worker()
        assert len(fleet.transport.messages) == 1

    def test_a_silent_workers_slots_count_again_with_its_next_beat(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        worker.fall_silent()
        fleet.start("chain")
        assert fleet.transport.messages == []
        worker.beat()
        assert len(fleet.transport.messages) == 1

    def test_an_agents_limit_holds_across_workers(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(WIDE, warehouse=3)
        one, other = fleet.worker("w1", slots=8), fleet.worker("w2", slots=8)
        run_id = fleet.start("wide", {"items": list(range(10))})
        done = 0
        while fleet.transport.messages:
            claims = [
                (worker, worker.take()) for worker in (one, other) if fleet.transport.messages
            ]
            statuses = list(fleet.steps(run_id).values())
            assert statuses.count(S.RUNNING) + statuses.count(S.QUEUED) <= 3
            for worker, claim in claims:
                worker.complete(claim)
                done += 1
        assert done == 10
        assert fleet.status(run_id) is R.COMPLETED

    def test_what_may_still_be_at_work_counts_against_the_limit(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("chain", step("first", timeout=MINUTE)), warehouse=1)
        worker = fleet.worker()
        fleet.start("chain")
        late = worker.take()
        fleet.advance(MINUTE)
        assert fleet.outcomes(late.key[0]) == ["timed_out"]
        fleet.start("chain")
        fleet.client.refill()
        assert fleet.transport.messages == [], "the one that ran out of time may still act"
        assert not worker.complete(late)
        fleet.client.refill()
        assert len(fleet.transport.messages) == 1

    def test_a_death_makes_room_for_what_waited_behind_the_dead(self, fleet_of: MakeFleet) -> None:
        fleet = fleet_of(workflow("chain", step("first", timeout=MINUTE)), warehouse=1)
        hung = fleet.worker()
        fleet.start("chain")
        hung.take()
        fleet.advance(MINUTE)
        fleet.worker("w2")
        fleet.start("chain")
        assert fleet.transport.messages == []
        hung.die()
        assert len(fleet.transport.messages) == 1

    def test_a_paused_agent_is_sent_nothing(self, fleet: Fleet) -> None:
        fleet.worker()
        fleet.store.write(lambda s: s.run("UPDATE agents SET paused = 1"))
        fleet.start("chain")
        assert fleet.transport.messages == []
        fleet.store.write(lambda s: s.run("UPDATE agents SET paused = 0"))
        fleet.client.refill()
        assert len(fleet.transport.messages) == 1

    def test_steps_of_more_urgent_runs_are_sent_first(self, fleet: Fleet) -> None:
        for priority in (1, 4, 2):
            fleet.start("chain", run_id=f"priority {priority}", priority=priority)
        fleet.worker(slots=1)
        sent = [message.run_id for message in fleet.transport.messages]
        assert sent == ["priority 4", "priority 2"]

    def test_a_process_without_a_transport_leaves_the_sending_to_others(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        mute = fleet.engine("mute", sends=False)
        run_id = mute.submit(fleet.command("chain"))
        assert (fleet.status(run_id), fleet.transport.messages) == (R.RUNNING, [])
        worker.engine.refill()
        assert len(fleet.transport.messages) == 1

    def test_a_process_whose_transport_is_held_up_leaves_the_sending_to_others(
        self, fleet: Fleet
    ) -> None:
        other = fleet.worker("other").engine
        rules, stuck = fleet.worker("held up").engine.rules, ListTransport()
        held_up = Engine(fleet.store, stuck, rules)
        stuck.flows = False
        run_id = held_up.submit(fleet.command("chain"))
        assert (fleet.status(run_id), fleet.transport.messages) == (R.RUNNING, [])
        other.refill()
        fleet.clock.advance(MINUTE)
        assert (held_up.fire_timers(), stuck.messages) == (0, [])
        assert other.fire_timers() == 1
        assert [message.run_id for message in fleet.transport.messages] == [run_id, run_id]

    def test_what_goes_by_a_broker_is_not_for_workers_that_have_none(self, fleet: Fleet) -> None:
        worker = fleet.worker(transport="embedded")
        by_broker = fleet.engine("client", by_broker=True)
        run_id = by_broker.submit(fleet.command("chain"))
        assert (fleet.row(run_id, "first").status, fleet.transport.messages) == (S.READY, [])
        worker.engine.refill()
        assert len(fleet.transport.messages) == 1

    def test_a_process_without_a_transport_is_not_kept_busy_by_what_others_must_send(
        self, fleet: Fleet
    ) -> None:
        fleet.worker(slots=60)
        fleet.start("wide", {"items": list(range(110))})
        fleet.clock.advance(MINUTE)
        mute = fleet.engine("mute", sends=False)
        assert mute.fire_timers() == 0
        assert fleet.client.fire_timers() == 110


class TestVersions:
    def test_a_step_is_sent_only_where_its_version_is_offered(self, fleet: Fleet) -> None:
        run_id = fleet.start("chain")
        fleet.app = app_of(CHAIN, versions={"warehouse": 2})
        new = fleet.worker("new")
        assert fleet.transport.messages == []
        newer = fleet.start("chain")
        assert [message.run_id for message in fleet.transport.messages] == [newer]
        fleet.work_off(new)
        assert (fleet.status(run_id), fleet.status(newer)) == (R.RUNNING, R.COMPLETED)
        fleet.app = app_of(CHAIN)
        fleet.work_off(fleet.worker("old"))
        assert fleet.status(run_id) is R.COMPLETED

    def test_many_of_an_old_version_do_not_block_those_of_the_new_one(self, fleet: Fleet) -> None:
        fleet.start("wide", {"items": list(range(300))})
        fleet.app = app_of(CHAIN, versions={"warehouse": 2})
        worker = fleet.worker("new")
        newer = fleet.start("chain", priority=1)
        fleet.work_off(worker)
        assert fleet.status(newer) is R.COMPLETED

    def test_who_cannot_do_it_may_send_it_to_who_can(self, fleet: Fleet) -> None:
        fleet.worker()
        assert fleet.client.rules.offers == frozenset()
        fleet.start("chain")
        assert len(fleet.transport.messages) == 1


class TestLostMessages:
    def test_a_message_that_nobody_claims_is_sent_again_and_ever_less_often(
        self, fleet: Fleet
    ) -> None:
        worker = fleet.worker()
        fleet.client = fleet.engine("client", workflow_timeout=timedelta(days=1))
        run_id = fleet.start("chain")
        for pause in (10, 20, 40, 80, 160, 300, 300):
            fleet.transport.take()
            assert fleet.advance(timedelta(seconds=pause - 1)) == 0
            assert fleet.advance(SECOND) == 1
        assert worker.take().attempt == 1, "sending it again is no attempt"
        assert fleet.row(run_id, "first").sends == 0

    def test_what_a_dead_publisher_sent_is_sent_again_at_once(self, fleet: Fleet) -> None:
        other = fleet.worker("w2")
        publisher = fleet.worker("publisher")
        run_id = publisher.engine.submit(fleet.command("chain"))
        fleet.transport.take()
        assert publisher.die() == 1
        assert fleet.row(run_id, "first").owner == "client"
        assert fleet.work_off(other) == ["first[0]", "second[0]"]
        assert fleet.row(run_id, "first").losses == 0

    def test_after_a_rollback_nothing_leaves(self, fleet: Fleet) -> None:
        fleet.worker()

        def interrupted(tx: Transaction) -> None:
            submit(tx, fleet.command("chain"))
            raise InterruptedError

        with pytest.raises(InterruptedError):
            fleet.client.commit(interrupted)
        assert fleet.transport.messages == []

    def test_a_step_that_was_let_go_by_nobody_is_found_by_the_sweep(self, fleet: Fleet) -> None:
        fleet.worker()
        run_id = fleet.engine("mute", sends=False, slots=0).submit(fleet.command("chain"))
        assert fleet.status(run_id) is R.PENDING
        fleet.client.refill()
        assert fleet.status(run_id) is R.RUNNING
        assert len(fleet.transport.messages) == 1
