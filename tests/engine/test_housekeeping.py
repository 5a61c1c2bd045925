"""Workers that come and go, clocks that jump, and rows that are too old."""

from datetime import timedelta

import pytest

from orchestration.definitions import App
from orchestration.engine import sweep
from orchestration.engine.fork import Edits, Proposal, propose
from orchestration.errors import NotFoundError, StoreInUseError
from orchestration.state import RunStatus, StepStatus
from orchestration.store import agents, attempts, control, events, outbox, workers
from tests.engine.conftest import MakeFleet
from tests.engine.fleet import HOUR, MINUTE, SECOND, Fleet, Worker, step, workflow

R, S = RunStatus, StepStatus
CHAIN = workflow("chain", step("first"), step("second", "first"))
WIDE = workflow("wide", step("act", for_each="parameters.items"))


@pytest.fixture
def fleet(fleet_of: MakeFleet) -> Fleet:
    fleet = fleet_of(CHAIN, WIDE)
    fleet.store.write(lambda s: control.ensure(s, "store"))
    return fleet


class TestJoining:
    def test_a_worker_declares_its_agents(self, fleet: Fleet) -> None:
        fleet.worker()
        (agent,) = fleet.read(agents.everyone)
        assert (agent.name, agent.status) == ("warehouse", "running")
        assert agent.last_heartbeat == fleet.clock.now()

    def test_a_queue_without_an_agent_is_served_all_the_same(self, fleet: Fleet) -> None:
        fleet.worker(queues={"orchestrator": 1, "warehouse": 1})
        assert [agent.name for agent in fleet.read(agents.everyone)] == ["warehouse"]

    def test_a_beat_with_metrics_is_a_heartbeat_of_its_agents(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        fleet.clock.advance(MINUTE)
        worker.beat()
        assert fleet.read(agents.everyone)[0].last_heartbeat == fleet.clock.now() - MINUTE
        worker.beat(cpu_usage=0.5)
        (agent,) = fleet.read(agents.everyone)
        assert (agent.last_heartbeat, agent.metrics) == (fleet.clock.now(), {"cpu_usage": 0.5})

    def test_a_store_in_use_on_another_transport_is_refused(self, fleet: Fleet) -> None:
        fleet.worker()
        with pytest.raises(StoreInUseError, match="in use by here:7 on list, this process is on"):
            fleet.worker("w2", transport="amqp://elsewhere")
        assert fleet.read(workers.present) == [fleet.read(lambda s: workers.get(s, "w1"))]
        assert fleet.read(control.transport) == "list"

    def test_on_another_transport_everything_is_sent_again(self, fleet: Fleet) -> None:
        old = fleet.worker()
        run_id = fleet.start("chain")
        assert len(fleet.transport.take()) == 1
        old.engine.depart("w1")
        new = fleet.worker("w2", transport="amqp://elsewhere")
        assert fleet.read(control.transport) == "amqp://elsewhere"
        fleet.client.fire_timers()
        assert fleet.work_off(new) == ["first[0]", "second[0]"]
        assert fleet.status(run_id) is R.COMPLETED

    def test_who_joins_others_lets_their_messages_be(self, fleet: Fleet) -> None:
        fleet.worker()
        fleet.start("chain")
        fleet.worker("w2")
        assert fleet.client.fire_timers() == 0

    def test_an_app_without_agents_has_a_worker_for_nothing(self, fleet: Fleet) -> None:
        fleet.app = App(agents=[], workflows=[])
        Worker(fleet, "w1", {}).join()
        assert len(fleet.read(workers.present)) == 1


class TestClock:
    def offset(self, fleet: Fleet, boot: str) -> float | None:
        value: float | None = fleet.read(lambda s: control.clock_offset(s, boot))
        return value

    def test_a_clock_that_was_set_takes_every_timer_along_once(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.take()
        assert not fleet.client.follow_clock()
        fleet.clock.jump(5 * HOUR)
        assert fleet.client.follow_clock()
        assert worker.engine.follow_clock()
        assert fleet.client.fire_timers() == 0
        assert fleet.row(run_id, "first").status is S.RUNNING
        assert fleet.advance(10 * MINUTE) == 1
        assert fleet.outcomes(run_id) == ["timed_out"]

    def test_a_clock_that_was_set_back_does_not_put_timers_off(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.take()
        fleet.client.follow_clock()
        fleet.clock.jump(-5 * HOUR)
        assert fleet.client.follow_clock()
        fleet.advance(10 * MINUTE)
        assert fleet.outcomes(run_id) == ["timed_out"]

    @pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR])
    def test_a_timer_that_is_written_by_the_new_clock_is_not_moved_with_those_before(
        self, fleet: Fleet, jump: timedelta
    ) -> None:
        worker = fleet.worker()
        fleet.clock.jump(jump)
        run_id = fleet.start("chain")
        worker.take()
        fleet.client.follow_clock()
        assert fleet.advance(9 * MINUTE) == 0
        assert fleet.advance(1 * MINUTE) == 1
        assert fleet.outcomes(run_id) == ["timed_out"]

    def test_who_slept_while_the_clock_was_set_and_set_again_writes_timers_that_stay(
        self, fleet: Fleet
    ) -> None:
        sleeper = fleet.worker()
        run_id = fleet.start("chain")
        fleet.clock.jump(-5 * HOUR)
        assert fleet.client.follow_clock()
        fleet.clock.advance(SECOND)
        fleet.clock.jump(5 * HOUR)
        sleeper.take()
        fleet.client.follow_clock()
        assert fleet.advance(9 * MINUTE) == 0
        assert fleet.advance(1 * MINUTE) == 1
        assert fleet.outcomes(run_id) == ["timed_out"]

    def test_a_small_correction_is_no_jump(self, fleet: Fleet) -> None:
        fleet.client.follow_clock()
        fleet.clock.jump(4 * SECOND)
        assert not fleet.client.follow_clock()

    def test_after_a_restart_of_the_machine_there_is_nothing_to_compare(self, fleet: Fleet) -> None:
        fleet.client.follow_clock()
        fleet.clock.jump(5 * HOUR)
        fleet.clock.boot = "another boot"
        again = fleet.engine("client again")
        assert not again.follow_clock()
        assert self.offset(fleet, "this boot") is None
        assert self.offset(fleet, "another boot") is not None

    def test_a_jump_alone_takes_nothing_over(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        fleet.client.follow_clock()
        fleet.clock.jump(timedelta(days=365))
        fleet.client.follow_clock()
        fleet.client.fire_timers()
        assert worker.complete(claim)
        assert fleet.work_off(worker) == ["second[0]"]
        assert fleet.status(run_id) is R.COMPLETED


class TestForgetting:
    def ended(self, fleet: Fleet, count: int) -> list[str]:
        worker = fleet.worker()
        started = []
        for _ in range(count):
            started.append(fleet.start("chain"))
            fleet.work_off(worker)
            fleet.clock.advance(SECOND)
        return started

    def all_forgotten(self, fleet: Fleet, age: timedelta, keep: int) -> list[int]:
        counts = []
        while count := fleet.client.forget(age, keep):
            counts.append(count)
        return counts

    @pytest.mark.usefixtures("few")
    def test_old_runs_go_a_few_rows_at_a_time(self, fleet: Fleet) -> None:
        started = self.ended(fleet, 10)
        fleet.clock.advance(HOUR)
        counts = self.all_forgotten(fleet, HOUR, 1_000)
        assert set(counts[:-1]) == {7}
        assert not any(fleet.exists(run_id) for run_id in started)
        for table in ("runs", "steps", "attempts", "events", "plans"):
            assert fleet.rows(table) == 0

    @pytest.mark.usefixtures("few")
    def test_a_large_run_is_gone_with_the_first_of_the_batches_that_its_rows_take(
        self, fleet: Fleet
    ) -> None:
        worker = fleet.worker()
        run_id = fleet.start("wide", {"items": list(range(20))})
        fleet.work_off(worker)
        fleet.clock.advance(HOUR)
        while fleet.read(lambda s: s.one("SELECT 1 FROM steps")):
            assert fleet.client.forget(HOUR, 1_000) == 7
            assert not fleet.exists(run_id)
        self.all_forgotten(fleet, HOUR, 1_000)
        for table in ("steps", "attempts", "events", "plans", "remains"):
            assert fleet.rows(table) == 0

    @pytest.mark.usefixtures("few")
    def test_a_run_of_which_something_is_missing_is_neither_forked_nor_retried(
        self, fleet: Fleet
    ) -> None:
        run_id = fleet.start("wide", {"items": list(range(20))})
        fleet.client.cancel(run_id)
        edits, run_hex = Edits(), "f" * 12
        proposal: Proposal = fleet.read(
            lambda s: propose(s, fleet.app, run_id, edits, sender="tests", run_hex=run_hex)
        )
        fleet.clock.advance(HOUR)
        assert fleet.client.forget(HOUR, 1_000) == 7
        assert fleet.rows("steps") > 0
        with pytest.raises(NotFoundError):
            fleet.client.fork(proposal)
        with pytest.raises(NotFoundError):
            fleet.client.retry(run_id)

    def test_what_belongs_to_no_run_goes_with_its_age(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        fleet.store.write(lambda s: agents.beat(s, "guest", "running", {}, fleet.clock.now()))
        fleet.store.write(lambda s: events.add(s, "", fleet.clock.now(), "clock.jumped"))
        run_id = fleet.start("chain")
        fleet.client.pause(run_id)
        assert fleet.client.forget(HOUR, 9) == 0
        fleet.clock.advance(HOUR + SECOND)
        worker.beat()
        assert fleet.client.forget(HOUR, 9) == 3, "guest, event and audit; warehouse is served"
        assert [agent.name for agent in fleet.read(agents.everyone)] == ["warehouse"]
        assert fleet.exists(run_id), "with its plan"

    @pytest.fixture
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweep, "ROWS_AT_ONCE", 7)

    def test_the_newest_are_kept(self, fleet: Fleet) -> None:
        started = self.ended(fleet, 10)
        self.all_forgotten(fleet, HOUR, 4)
        assert [run_id for run_id in started if fleet.exists(run_id)] == started[-4:]

    def test_a_run_whose_end_is_not_told_yet_is_kept_though_there_are_too_many(
        self, fleet: Fleet
    ) -> None:
        asked = fleet.start("chain", requester="mgmt")
        fleet.work_off(fleet.worker("first"))
        others = self.ended(fleet, 3)
        self.all_forgotten(fleet, HOUR, 0)
        assert not any(fleet.exists(run_id) for run_id in others)
        assert fleet.exists(asked)
        fleet.store.write(lambda s: outbox.withdraw(s, f"{outbox.FINAL}:{asked}"))
        self.all_forgotten(fleet, HOUR, 0)
        assert not fleet.exists(asked)

    def test_a_run_whose_end_cannot_be_told_goes_once_it_is_too_old(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        asked = fleet.start("chain", requester="mgmt")
        fleet.work_off(worker)
        fleet.clock.advance(HOUR)
        self.all_forgotten(fleet, HOUR, 1_000)
        assert not fleet.exists(asked)
        assert fleet.rows("outbox") == 0

    def test_what_lives_is_never_forgotten(self, fleet: Fleet) -> None:
        run_id = fleet.start("chain")
        paused = fleet.start("chain")
        fleet.client.pause(paused)
        fleet.clock.advance(timedelta(days=365))
        assert self.all_forgotten(fleet, HOUR, 0) == [1], "that somebody paused it, long ago"
        assert fleet.exists(run_id)
        assert fleet.exists(paused)

    def test_an_answer_to_a_forgotten_run_changes_nothing(self, fleet: Fleet) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        claim = worker.take()
        fleet.client.cancel(run_id)
        fleet.clock.advance(HOUR)
        fleet.client.forget(MINUTE, 0)
        assert not worker.complete(claim, "x" * 100_000)
        assert not worker.fail(claim)
        worker.engine.give_up(claim.key, claim.attempt)
        assert worker.beat()
        assert fleet.read(lambda s: s.one("SELECT 1 FROM artifacts")) is None

    def test_workers_are_forgotten_with_the_last_attempt_that_names_them(
        self, fleet: Fleet
    ) -> None:
        worker = fleet.worker()
        run_id = fleet.start("chain")
        worker.take()
        worker.die()
        fleet.clock.advance(HOUR)
        fleet.client.forget(MINUTE, 100)
        assert worker.seen.id == "w1"
        fleet.client.cancel(run_id)
        fleet.clock.advance(HOUR)
        self.all_forgotten(fleet, MINUTE, 0)
        assert fleet.read(lambda s: workers.get(s, "w1")) is None


def test_a_dead_workers_last_attempts_are_settled(fleet: Fleet) -> None:
    worker = fleet.worker()
    run_id = fleet.start("chain")
    worker.take()
    fleet.client.cancel(run_id)
    assert fleet.read(lambda s: attempts.acting(s, run_id)) == [("first", 0, "w1")]
    assert worker.die() == 0
    assert fleet.read(lambda s: attempts.acting(s, run_id)) == []


def test_an_agent_that_nobody_serves_any_more_is_stopped(fleet: Fleet) -> None:
    first, second = fleet.worker(), fleet.worker("w2")
    first.engine.depart("w1")
    assert [agent.status for agent in fleet.read(agents.everyone)] == ["running"]
    second.die()
    assert [agent.status for agent in fleet.read(agents.everyone)] == ["stopped"]
    fleet.worker("w3")
    assert [agent.status for agent in fleet.read(agents.everyone)] == ["running"]
