"""An agent's rate: no stretch of its time holds more starts; nothing that waits is forgotten."""

import pytest

from orchestration.definitions import Agent
from orchestration.errors import DefinitionError
from orchestration.ports import Store
from orchestration.state import RunStatus
from tests.clock import FakeClock
from tests.engine.fleet import MINUTE, SECOND, Fleet, act, app_of, step, workflow

CALLS = workflow("calls", step("call", for_each="parameters.items"))
CHAIN = workflow("chain", step("a"), step("b", "a"), step("c", "b"))


def fleet_at(store: Store, clock: FakeClock, rate: str) -> Fleet:
    return Fleet(store, clock, app_of(CALLS, CHAIN, rates={"warehouse": rate}))


def test_only_so_many_begin_and_the_others_follow_when_the_rate_allows(
    store: Store, clock: FakeClock
) -> None:
    fleet = fleet_at(store, clock, "3/minute")
    worker = fleet.worker(slots=50)
    run_id = fleet.start("calls", {"items": list(range(8))})
    assert len(fleet.work_off(worker)) == 3
    worker.engine.refill()
    assert not fleet.transport.messages
    fleet.clock.advance(59 * SECOND)
    worker.engine.fire_timers()
    assert not fleet.transport.messages
    fleet.clock.advance(SECOND)
    assert worker.engine.fire_timers(), "it wakes up by itself"
    assert len(fleet.work_off(worker)) == 3
    fleet.clock.advance(MINUTE)
    worker.engine.fire_timers()
    assert len(fleet.work_off(worker)) == 2
    assert fleet.status(run_id) is RunStatus.COMPLETED


def test_a_window_slides_and_does_not_start_anew(store: Store, clock: FakeClock) -> None:
    fleet = fleet_at(store, clock, "2/minute")
    worker = fleet.worker(slots=50)
    fleet.start("calls", {"items": [1]})
    assert len(fleet.work_off(worker)) == 1
    fleet.clock.advance(40 * SECOND)
    fleet.start("calls", {"items": [1, 2, 3]})
    assert len(fleet.work_off(worker)) == 1
    fleet.clock.advance(20 * SECOND)
    worker.engine.fire_timers()
    assert len(fleet.work_off(worker)) == 1, "the first one is a minute ago, the second is not"


def test_of_several_rates_each_holds(store: Store, clock: FakeClock) -> None:
    fleet = fleet_at(store, clock, "3/minute,2/second")
    worker = fleet.worker(slots=50)
    fleet.start("calls", {"items": [1, 2, 3, 4]})
    assert len(fleet.work_off(worker)) == 2
    fleet.clock.advance(SECOND)
    worker.engine.fire_timers()
    assert len(fleet.work_off(worker)) == 1
    fleet.clock.advance(SECOND)
    worker.engine.fire_timers()
    assert not fleet.work_off(worker)


def test_what_goes_on_at_once_keeps_to_the_rate(store: Store, clock: FakeClock) -> None:
    fleet = fleet_at(store, clock, "2/minute")
    worker = fleet.worker()
    fleet.start("chain")
    worker.complete(worker.take(), goes_on=True)
    second = worker.follow(done=True)
    assert second is not None
    worker.complete(second, goes_on=True)
    assert worker.follow(done=True) is None
    assert not fleet.transport.messages


def test_a_claim_is_refused_where_the_rate_was_lowered_meanwhile(
    store: Store, clock: FakeClock
) -> None:
    fleet = fleet_at(store, clock, "5/minute")
    fleet.worker(slots=50)
    fleet.start("calls", {"items": [1, 2]})
    later = app_of(CALLS, CHAIN, rates={"warehouse": "1/minute"}).rates
    first, second = fleet.transport.take()
    slow = fleet.worker("slow", slots=50, rules={"rates": later})
    assert slow.claim(first) is not None
    assert slow.claim(second) is None


def test_an_agent_outside_keeps_to_its_rate(store: Store, clock: FakeClock) -> None:
    fleet = fleet_at(store, clock, "2/minute")
    engine = fleet.engine("bus", outside=frozenset({"warehouse"}))
    run_id = engine.submit(fleet.command("calls", {"items": [1, 2, 3]}))
    assert list(fleet.steps(run_id).values()) == ["running", "running", "ready"]
    fleet.clock.advance(MINUTE)
    engine.refill()
    assert list(fleet.steps(run_id).values())[2] == "running"


@pytest.mark.parametrize("rate", ["", "0/minute", "5", "5/fortnight", "1000/second"])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(DefinitionError, match="expected rates such as 5/minute"):
        Agent("calm", actions={"act": act}, rate=rate)
